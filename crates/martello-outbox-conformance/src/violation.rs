use std::panic::Location;

use martello_outbox::StoreError;

/// The first promise that an engine was found to break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {found}", .scenario.replace('_', " "))]
#[non_exhaustive]
pub struct Violation {
    /// The name of the [`Scenario`](super::Scenario) in which it was broken, or `histories`.
    pub scenario: &'static str,
    /// What was found, and what was expected.
    pub found: String,
}

/// What was found in a scenario, and what was expected.
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

impl From<StoreError> for Fault {
    #[track_caller]
    fn from(error: StoreError) -> Self {
        Self(format!("an operation failed ({:?}): {error}{}", error.kind(), here()))
    }
}

pub(super) type ScenarioResult = Result<(), Fault>;

/// Where in the suite something was looked at.
#[track_caller]
pub(super) fn here() -> String {
    let place = Location::caller();
    format!(" [{}:{}]", place.file(), place.line())
}
