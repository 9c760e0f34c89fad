//! What went wrong, in words: in one line, quoted, escaped and bounded.

use std::{
    any::Any,
    error::Error,
    fmt::{Display, Write},
};

use martello_body::BodyError;
use martello_outcome::BoxError;

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

/// The error of a body, which need not be one that has sources: bodies of tower-http yield a `BoxError`.
pub(crate) fn of_body<E: Display + 'static>(error: &E) -> Box<str> {
    let any: &dyn Any = error;
    if let Some(error) = any.downcast_ref::<BodyError>() {
        of(error)
    } else if let Some(error) = any.downcast_ref::<BoxError>() {
        of(&**error)
    } else {
        quoted(|line| write!(line, "{error}"))
    }
}

fn quoted(write: impl FnOnce(&mut Line<&mut String>) -> std::fmt::Result) -> Box<str> {
    let mut text = String::from('"');
    // A string takes everything; the user's `Display` may fail, and then the text ends there.
    let _ = write(&mut Line::new(&mut text, BOUND));
    text.push('"');
    text.into()
}
