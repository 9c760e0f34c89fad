//! What went wrong, in words: in one line, quoted, escaped and bounded.

use std::{error::Error, fmt::Write};

use crate::line::Line;

/// The longest text, in bytes.
const BOUND: usize = 512;

/// A source chain longer than this is taken to go in circles.
const DEEPEST: usize = 32;

/// The error and its sources.
pub(crate) fn of(error: &(dyn Error + 'static)) -> Box<str> {
    let chain = std::iter::successors(Some(error), |error| Error::source(*error));
    quoted(|line| {
        for (place, error) in chain.take(DEEPEST).enumerate() {
            let separator = if place == 0 { "" } else { ": " };
            write!(line, "{separator}{error}")?;
        }
        Ok(())
    })
}

fn quoted(write: impl FnOnce(&mut Line<&mut String>) -> std::fmt::Result) -> Box<str> {
    let mut text = String::from('"');
    // A string takes everything; the user's `Display` may fail, and then the text ends there.
    let _ = write(&mut Line::new(&mut text, BOUND));
    text.push('"');
    text.into()
}
