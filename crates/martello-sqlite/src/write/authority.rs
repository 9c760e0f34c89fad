//! Claims from a queue with held authorities. It goes from authority to authority, so of a held one it reads
//! only the first entry. Where there are many authorities, it first tries the entries that are due earliest.

use std::{cmp::Reverse, collections::BinaryHeap};

use martello_outbox::QueueName;
use rusqlite::{Row, params};

use super::hold::{Admission, Holds};
use crate::{fault::Fault, sql, writer::Tx};

/// Up to this many authorities, it visits each.
const FEW: usize = 64;

/// With more authorities, how many due entries it tries first.
const AHEAD: usize = 1_000;

/// An entry at the head of its key.
struct Head {
    authority: String,
    due_at: i64,
    seq: i64,
    expires_at: i64,
}

fn head(row: &Row<'_>) -> Result<Head, Fault> {
    Ok(Head { authority: row.get(0)?, due_at: row.get(1)?, seq: row.get(2)?, expires_at: row.get(3)? })
}

/// Selects up to `most` entries that may be claimed: by due time, then oldest first. Each comes with the
/// number of holds in a row of its authority, which is 0 unless the entry is a probe.
pub(super) fn claimable(
    tx: &Tx<'_>,
    queue: &QueueName,
    holds: &mut Holds,
    most: usize,
) -> Result<Vec<(i64, u32)>, Fault> {
    let mut firsts = firsts(tx, queue, FEW)?;
    if firsts.len() == FEW {
        let (mut found, mut tried) = (Vec::new(), holds.clone());
        let is_enough = ahead(tx, queue, tx.now, |head| {
            let claimed = if tx.now < head.expires_at { tried.claim(&head.authority) } else { None };
            found.extend(claimed.map(|holds| (head.seq, holds)));
            found.len() == most
        })?;
        if is_enough {
            *holds = tried;
            return Ok(found);
        }
        firsts = self::firsts(tx, queue, usize::MAX)?;
    }
    // The next entry of each authority, the earliest on top. The first entry may have expired, so read it
    // again.
    let mut nexts = BinaryHeap::new();
    for first in firsts {
        if matches!(holds.admission(&first.authority), Admission::All | Admission::One(_)) {
            let next = next(tx, queue, &first.authority, (first.due_at, first.seq - 1))?;
            nexts.extend(next.map(|next| Reverse((next, first.authority))));
        }
    }
    let mut found = Vec::new();
    while found.len() < most {
        let Some(Reverse((at, authority))) = nexts.pop() else { break };
        if let Some(in_row) = holds.claim(&authority) {
            found.push((at.1, in_row));
            nexts.extend(next(tx, queue, &authority, at)?.map(|next| Reverse((next, authority))));
        }
    }
    Ok(found)
}

/// The time at which an entry may be claimed next, if that depends on time alone.
pub(super) fn first_claimable(tx: &Tx<'_>, queue: &QueueName, holds: &Holds) -> Result<Option<i64>, Fault> {
    let moment = |head: &Head| match holds.admission(&head.authority) {
        Admission::All | Admission::One(_) => Some(head.due_at),
        Admission::NoneUntil(until) => Some(head.due_at.max(until)),
        Admission::None => None,
    };
    let mut firsts = firsts(tx, queue, FEW)?;
    if firsts.len() == FEW {
        let mut first = None;
        let is_enough = ahead(tx, queue, i64::MAX, |head| {
            first = first.into_iter().chain(moment(&head)).min();
            // Entries after this one are due later.
            first.is_some_and(|first| first <= head.due_at)
        })?;
        if is_enough {
            return Ok(first);
        }
        firsts = self::firsts(tx, queue, usize::MAX)?;
    }
    Ok(firsts.iter().filter_map(moment).min())
}

/// The first entry of each authority, for up to `most` authorities.
fn firsts(tx: &Tx<'_>, queue: &QueueName, most: usize) -> Result<Vec<Head>, Fault> {
    let sql = "SELECT authority, due_at, seq, expires_at FROM outbox INDEXED BY entry_authority
         WHERE queue = ?1 AND state = 0 AND head = 1 AND authority > ?2 ORDER BY authority, due_at, seq LIMIT 1";
    let mut firsts: Vec<Head> = Vec::new();
    while firsts.len() < most {
        let last = firsts.last().map_or("", |first| &first.authority);
        match sql::one(tx, sql, params![queue.as_str(), last], head)? {
            Some(next) => firsts.push(next),
            None => break,
        }
    }
    Ok(firsts)
}

/// The next entry of an authority, after this due time and position, that is due and has not expired.
fn next(
    tx: &Tx<'_>,
    queue: &QueueName,
    authority: &str,
    after: (i64, i64),
) -> Result<Option<(i64, i64)>, Fault> {
    let sql = "SELECT due_at, seq FROM outbox INDEXED BY entry_authority
         WHERE queue = ?1 AND state = 0 AND head = 1 AND authority = ?2 AND due_at >= ?3 AND due_at <= ?5
             AND (due_at > ?3 OR seq > ?4) AND expires_at > ?5
         ORDER BY due_at, seq LIMIT 1";
    let values = params![queue.as_str(), authority, after.0, after.1, tx.now];
    sql::one(tx, sql, values, |row| Ok::<_, Fault>((row.get(0)?, row.get(1)?)))
}

/// Visits due entries in order until `is_enough` returns true, all are visited, or [`AHEAD`] are. Returns
/// false only in the last case.
fn ahead(
    tx: &Tx<'_>,
    queue: &QueueName,
    due_by: i64,
    mut is_enough: impl FnMut(Head) -> bool,
) -> Result<bool, Fault> {
    let sql = "SELECT authority, due_at, seq, expires_at FROM outbox INDEXED BY entry_ready
         WHERE queue = ?1 AND state = 0 AND head = 1 AND due_at <= ?2 ORDER BY due_at, seq";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(params![queue.as_str(), due_by])?;
    for _ in 0..AHEAD {
        match rows.next()? {
            None => return Ok(true),
            Some(row) if is_enough(head(row)?) => return Ok(true),
            Some(_) => {}
        }
    }
    Ok(false)
}
