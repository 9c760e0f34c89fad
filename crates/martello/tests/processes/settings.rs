//! What a run is told from outside, and what it tells.

use std::io::{self, Write};

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, and is {text:?}")))
}

/// How many processes are killed.
pub(crate) fn kills(default: usize) -> usize {
    number("MARTELLO_TEST_KILLS").map_or(default, |kills| usize::try_from(kills).unwrap())
}

/// What the draws of the run begin with.
pub(crate) fn seed() -> u64 {
    number("MARTELLO_TEST_SEED").unwrap_or_else(|| fastrand::u64(..))
}

/// Tells something that is to be seen also when the test passes.
pub(crate) fn print(text: &str) {
    // If nobody reads it, nothing is lost but that.
    let _ = writeln!(io::stderr(), "{text}");
}
