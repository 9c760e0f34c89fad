use martello_poll::{Fence, NewParked, Parked, ParkedId, Saved, engine::fence_to_integer};
use rusqlite::params;

use super::parked::{discard, park};
use crate::{fault::Fault, sql, writer::Tx};

/// Saves everything or nothing. Returns `None` when the items would exceed the limits on parked items.
pub(super) fn save(
    tx: &Tx<'_>,
    poll: &str,
    fence: Fence,
    checkpoint: &str,
    unpark: &[ParkedId],
    items: &[NewParked],
) -> Result<Option<Saved>, Fault> {
    let sql = "UPDATE checkpoint SET saved = ?3 WHERE poll = ?1 AND fence = ?2";
    sql::run(tx, "SAVEPOINT saving", [])?;
    let held = sql::run(tx, sql, params![poll, fence_to_integer(fence), checkpoint])? > 0;
    let mut fits = true;
    if held {
        discard(tx, poll, unpark)?;
        for item in items {
            park(tx, poll, item)?;
        }
        fits = items.is_empty() || has_room(tx, poll)?;
        if !fits {
            sql::run(tx, "ROLLBACK TO saving", [])?;
        }
    }
    sql::run(tx, "RELEASE saving", [])?;
    let saved = if held { Saved::Saved } else { Saved::Fenced };
    Ok(fits.then_some(saved))
}

/// Whether the parked items are within their limits.
fn has_room(tx: &Tx<'_>, poll: &str) -> Result<bool, Fault> {
    let sql = "SELECT count(*), coalesce(sum(size), 0) FROM parked INDEXED BY parked_hash WHERE poll = ?1";
    let sums = sql::one(tx, sql, params![poll], |row| Ok::<_, Fault>((row.get(0)?, row.get(1)?)))?;
    let (items, bytes): (i64, i64) = sums.unwrap_or_default();
    let within = |sum, most| usize::try_from(sum).is_ok_and(|sum| sum <= most);
    Ok(within(items, Parked::MAX_ITEMS) && within(bytes, Parked::MAX_BYTES))
}
