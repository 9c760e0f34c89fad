//! The checks of [`Store::check_health`](crate::Store::check_health) that every engine on a database makes,
//! and their texts.

use std::time::Duration;

use super::{later, timestamp};
use crate::Check;
pub use crate::store::arguments::expired_leases as leases;

/// How far a stored time may lie ahead of the clock before [`clock`] reports that the clock went back.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// Compares the schema's version with the newest that this program knows.
///
/// ```
/// # use martello_outbox::engine::health;
/// assert!(health::schema(3, 3).passed);
/// assert_eq!(
///     health::schema(4, 3).seen,
///     "version 4, but this program knows version 3: another program migrated the store, so update this program",
/// );
/// ```
#[must_use]
pub fn schema(version: i64, newest: i64) -> Check {
    if version == newest {
        return Check::passed("schema", format!("version {version}, the newest that this program knows"));
    }
    let seen = format!(
        "version {version}, but this program knows version {newest}: another program migrated the store, so \
         update this program"
    );
    Check::failed("schema", seen)
}

/// Reports how many queues have counts that differ from their entries.
#[must_use]
pub fn counts(wrong: u64) -> Check {
    let seen = plural(wrong, "queue has wrong counts", "queues have wrong counts");
    written_by_others("counts", wrong, &seen, "the counts of every queue match its entries")
}

/// Reports how many entries are wrongly at the head of their order key, or wrongly not at its head.
#[must_use]
pub fn order(wrong: u64) -> Check {
    let seen = plural(wrong, "entry is out of order", "entries are out of order");
    written_by_others("order", wrong, &seen, "every order key has the right entry at its head")
}

/// Reports how many entries have no stored request.
#[must_use]
pub fn requests(wrong: u64) -> Check {
    let seen = plural(wrong, "entry has no request", "entries have no request");
    written_by_others("requests", wrong, &seen, "every entry has its request")
}

/// Compares the clock with the newest stored time, both in microseconds. `whose` is `machine` or `server`.
#[must_use]
pub fn clock(now: i64, newest: i64, whose: &str) -> Check {
    let shown = timestamp(now);
    if newest <= later(now, CLOCK_TOLERANCE) {
        return Check::passed("clock", format!("{shown}, and no stored time is later"));
    }
    let newest = timestamp(newest);
    Check::failed("clock", format!("{shown}, but an entry changed at {newest}: set the clock of the {whose}"))
}

fn plural(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn written_by_others(what: &str, wrong: u64, unwell: &str, well: &str) -> Check {
    if wrong == 0 {
        return Check::passed(what, well);
    }
    let seen = format!("{unwell}: another program wrote to the store; restore a backup, or report a bug");
    Check::failed(what, seen)
}
