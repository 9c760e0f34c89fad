//! Assertions that return a fault instead of panicking.

use std::fmt::Debug;

use super::violation::{Fault, ScenarioResult, here};
use martello_outbox::{StoreError, StoreErrorKind};

#[track_caller]
pub(super) fn fault<T>(found: impl Into<String>) -> Result<T, Fault> {
    Err(Fault(found.into() + &here()))
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "so that what was just read can be handed in")]
pub(super) fn same<T: Debug + PartialEq<U>, U: Debug>(what: &str, found: T, expected: U) -> ScenarioResult {
    if found == expected {
        return Ok(());
    }
    fault(format!("{what}: expected {expected:?}, found {found:?}"))
}

#[track_caller]
pub(super) fn holds(what: &str, found: bool) -> ScenarioResult {
    if found { Ok(()) } else { fault(format!("expected that {what}")) }
}

#[track_caller]
pub(super) fn refused<T: Debug>(
    what: &str,
    found: Result<T, StoreError>,
    kind: StoreErrorKind,
) -> ScenarioResult {
    match found {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => {
            fault(format!("{what}: expected an error of kind {kind:?}, found {:?}: {error}", error.kind()))
        }
        Ok(value) => fault(format!("{what}: expected an error of kind {kind:?}, found {value:?}")),
    }
}

/// The only one of these.
#[track_caller]
pub(super) fn only<T: Debug>(what: &str, found: Vec<T>) -> Result<T, Fault> {
    match <[T; 1]>::try_from(found) {
        Ok([one]) => Ok(one),
        Err(found) => fault(format!("{what}: expected one, found {found:?}")),
    }
}
