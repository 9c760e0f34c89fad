//! TCP connections, as the server accepted them.

use super::{Bench, Found};
use crate::{Error, case::Case, subjects::Drive};

/// One after the other, each of three attempts.
const CALLS: u64 = 5;

/// The connections that five calls took. Nothing where the subject cannot do the case.
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
