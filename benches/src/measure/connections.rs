//! TCP connections that the server accepted.

use super::{Bench, Found};
use crate::{Error, case::Case, subjects::Drive};

/// Calls one after the other, each of three attempts.
const CALLS: u64 = 5;

/// The connections that five calls used. `None` when the subject does not support the case.
///
/// # Errors
///
/// When a call fails.
pub fn find(case: Case, subject: &str) -> Result<Vec<Found>, Error> {
    let Some(mut bench) = Bench::new(case, subject)? else {
        return Ok(Vec::new());
    };
    bench.run(CALLS, Drive::Both)?;
    Ok(vec![Found::new("tcp_connections", bench.place.connections() as f64, "connections")])
}
