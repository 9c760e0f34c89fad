//! From authority to authority: what is at the head of its key, where some of it is held. However many entries an authority
//! has, those that are not claimed are not read.

use std::{cmp::Reverse, collections::BinaryHeap};

use martello_outbox::QueueName;
use rusqlite::params;

use super::hold::{Admits, Holds};
use crate::{fault::Fault, sql, writer::Tx};

/// An authority, and the entry of it that is due first.
struct First {
    authority: String,
    due_at: i64,
    seq: i64,
}

/// The first of each authority of a queue.
fn firsts(tx: &Tx<'_>, queue: &QueueName) -> Result<Vec<First>, Fault> {
    let sql = "SELECT authority, due_at, seq FROM outbox INDEXED BY entry_authority
         WHERE queue = ?1 AND state = 0 AND head = 1 AND authority > ?2 ORDER BY authority, due_at, seq LIMIT 1";
    let mut firsts: Vec<First> = Vec::new();
    loop {
        let last = firsts.last().map_or("", |first| &first.authority);
        let next = sql::one(tx, sql, params![queue.as_str(), last], |row| {
            Ok::<_, Fault>(First { authority: row.get(0)?, due_at: row.get(1)?, seq: row.get(2)? })
        })?;
        match next {
            Some(next) => firsts.push(next),
            None => return Ok(firsts),
        }
    }
}

/// Up to so many entries that may be claimed, those due first and then the oldest; each with the number of holds in a row of
/// its authority, if it is to show whether that is back.
pub(super) fn claimable(tx: &Tx<'_>, queue: &QueueName, most: i64) -> Result<Vec<(i64, u32)>, Fault> {
    let holds = Holds::of(tx, queue)?;
    // The next of each authority, the first of all on top.
    let mut nexts = BinaryHeap::new();
    for First { authority, due_at, seq } in firsts(tx, queue)? {
        let (one, in_row) = match holds.admits(&authority) {
            Admits::All => (false, 0),
            Admits::One(in_row) => (true, in_row),
            Admits::NoneUntil(_) | Admits::None => continue,
        };
        // It may have expired, so it is looked at once more.
        nexts.extend(
            next(tx, queue, &authority, (due_at, seq - 1))?.map(|at| Reverse((at, authority, one, in_row))),
        );
    }
    let mut claimable = Vec::new();
    for _ in 0..most {
        let Some(Reverse((at, authority, one, in_row))) = nexts.pop() else { break };
        claimable.push((at.1, in_row));
        if !one {
            nexts.extend(next(tx, queue, &authority, at)?.map(|at| Reverse((at, authority, one, in_row))));
        }
    }
    Ok(claimable)
}

/// The next of an authority after this one that is due and has not expired: when it is due, and its place.
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

/// When the first may be claimed, as far as that is only a matter of time.
pub(super) fn first_claimable(tx: &Tx<'_>, queue: &QueueName) -> Result<Option<i64>, Fault> {
    let holds = Holds::of(tx, queue)?;
    let firsts = firsts(tx, queue)?;
    let moments = firsts.iter().filter_map(|first| match holds.admits(&first.authority) {
        Admits::All | Admits::One(_) => Some(first.due_at),
        Admits::NoneUntil(until) => Some(first.due_at.max(until)),
        Admits::None => None,
    });
    Ok(moments.min())
}
