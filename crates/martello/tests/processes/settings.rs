//! Reads settings from the environment, and prints what a run has measured.

use std::io::{self, Write};

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, but must be a number")))
}

/// How many processes to kill.
pub(crate) fn kills(default: usize) -> usize {
    number("MARTELLO_TEST_KILLS").map_or(default, |kills| usize::try_from(kills).unwrap())
}

/// The seed of the random numbers.
pub(crate) fn seed() -> u64 {
    number("MARTELLO_TEST_SEED").unwrap_or_else(|| fastrand::u64(..))
}

/// Prints a line that is visible even if the test passes.
pub(crate) fn print(text: &str) {
    // The test does not depend on this output.
    let _ = writeln!(io::stderr(), "{text}");
}
