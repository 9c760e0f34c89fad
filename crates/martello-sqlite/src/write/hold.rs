//! The holds of a queue, by authority: APIs that were down at their last attempt; and the pause of a queue.

use std::collections::{HashMap, HashSet};

use martello_outbox::{HeldAuthority, QueueName, engine::later, store::HoldChange};
use rusqlite::{Row, params};

use crate::{fault::Fault, sql, writer::Tx};

/// The holds of a queue, at one moment.
#[derive(Clone)]
pub(super) struct Holds {
    /// By authority: the end of the hold, and the number of holds in a row.
    held: HashMap<String, (i64, u32)>,
    /// The authorities that have a leased entry.
    leased: HashSet<String>,
    /// How many more probes the cap allows.
    probes_left: usize,
    now: i64,
}

/// How many entries of an authority may be claimed.
pub(super) enum Admission {
    All,
    /// One, as a probe. The number is that of the holds in a row.
    One(u32),
    /// None before this time.
    NoneUntil(i64),
    /// None before a leased probe ends, of this authority or of another.
    None,
}

impl Holds {
    pub(super) fn of(tx: &Tx<'_>, queue: &QueueName, cap: usize) -> Result<Self, Fault> {
        let sql = "SELECT authority, until, in_row FROM hold WHERE queue = ?1";
        let held = |row: &Row<'_>| Ok::<_, Fault>((row.get(0)?, (row.get(1)?, row.get(2)?)));
        let held: HashMap<String, (i64, u32)> =
            sql::all(tx, sql, params![queue.as_str()], held)?.into_iter().collect();
        let sql = "SELECT authority FROM outbox INDEXED BY entry_leased WHERE queue = ?1 AND state = 1";
        let leased: Vec<String> =
            sql::all(tx, sql, params![queue.as_str()], |row| Ok::<_, Fault>(row.get(0)?))?;
        let is_probe = |authority: &&String| held.get(*authority).is_some_and(|(until, _)| *until <= tx.now);
        let probes_left = (cap / 2).max(1).saturating_sub(leased.iter().filter(is_probe).count());
        Ok(Self { held, leased: leased.into_iter().collect(), probes_left, now: tx.now })
    }

    pub(super) fn admission(&self, authority: &str) -> Admission {
        match self.held.get(authority) {
            None => Admission::All,
            Some((until, _)) if self.now < *until => Admission::NoneUntil(*until),
            Some(_) if self.probes_left == 0 || self.leased.contains(authority) => Admission::None,
            Some((_, in_row)) => Admission::One(*in_row),
        }
    }

    /// Claims one entry of this authority, if allowed. Returns the number of holds in a row: 0 unless it is a
    /// probe.
    pub(super) fn claim(&mut self, authority: &str) -> Option<u32> {
        match self.admission(authority) {
            Admission::All => Some(0),
            Admission::One(in_row) => {
                self.probes_left -= 1;
                self.leased.insert(authority.to_owned());
                Some(in_row)
            }
            Admission::NoneUntil(_) | Admission::None => None,
        }
    }
}

/// Applies the hold of a settlement. An entry claimed before the hold was over does not end it: its delivery
/// does not show that the API is back. A next hold applies only to the hold that it follows.
pub(super) fn change(
    tx: &Tx<'_>,
    queue: &QueueName,
    authority: &str,
    claimed_at: i64,
    hold: &HoldChange,
) -> Result<(), Fault> {
    match hold {
        HoldChange::Keep => {}
        HoldChange::End => {
            let sql = "DELETE FROM hold WHERE queue = ?1 AND authority = ?2 AND until <= ?3";
            sql::run(tx, sql, params![queue.as_str(), authority, claimed_at])?;
        }
        HoldChange::For { holds_in_row: 0, wait, why } => {
            let sql = "INSERT INTO hold (queue, authority, until, why, in_row) VALUES (?1, ?2, ?3, ?4, 1)
                 ON CONFLICT (queue, authority) DO NOTHING";
            let until = later(tx.now, *wait);
            if sql::run(tx, sql, params![queue.as_str(), authority, until, why])? > 0 {
                forget_beside(tx, queue, authority)?;
            }
        }
        HoldChange::For { holds_in_row: in_row, wait, why } => {
            let sql = "UPDATE hold SET until = ?3, why = ?4, in_row = min(in_row + 1, ?7)
                 WHERE queue = ?1 AND authority = ?2 AND until <= ?5 AND in_row = ?6";
            let until = later(tx.now, *wait);
            let values = params![queue.as_str(), authority, until, why, claimed_at, in_row, u32::MAX];
            sql::run(tx, sql, values)?;
        }
    }
    Ok(())
}

/// Deletes one other hold when the queue has too many: of those that are over, the one with the fewest in a
/// row; if none is over, the one that ends first.
fn forget_beside(tx: &Tx<'_>, queue: &QueueName, authority: &str) -> Result<(), Fault> {
    let sql = "SELECT count(*) FROM hold WHERE queue = ?1";
    let many = sql::one(tx, sql, params![queue.as_str()], |row| row.get::<_, i64>(0).map_err(Fault::from))?;
    if many.is_some_and(|many| usize::try_from(many).is_ok_and(|many| many > HeldAuthority::MAX_PER_QUEUE)) {
        let sql = "DELETE FROM hold WHERE queue = ?1 AND authority = (SELECT authority FROM hold
                 WHERE queue = ?1 AND authority <> ?2
                 ORDER BY until > ?3, iif(until > ?3, 0, in_row), until, authority LIMIT 1)";
        sql::run(tx, sql, params![queue.as_str(), authority, tx.now])?;
    }
    Ok(())
}

/// Pauses the queue: nothing is claimed from it until it is resumed.
pub(crate) fn pause(tx: &mut Tx<'_>, queue: &QueueName, why: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO queue (name, paused) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET paused = ?2";
    sql::run(tx, sql, params![queue.as_str(), why])?;
    Ok(())
}

/// Ends the pause, and all holds of the queue.
pub(crate) fn resume(tx: &mut Tx<'_>, queue: &QueueName) -> Result<(), Fault> {
    let mut changed = 0;
    for sql in ["UPDATE queue SET paused = NULL WHERE name = ?1", "DELETE FROM hold WHERE queue = ?1"] {
        changed += sql::run(tx, sql, params![queue.as_str()])?;
    }
    if changed > 0 {
        tx.released();
    }
    Ok(())
}
