//! What goes wrong inside, and what is said of it outside.

use std::{path::Path, sync::Arc};

use martello_outbox::{InvalidEntry, StoreError, StoreErrorKind};
use rusqlite::ErrorCode;

/// What kept an operation from taking place.
#[derive(Debug)]
pub(crate) enum Fault {
    /// What was asked for could not be done.
    Refused(StoreError),
    /// SQLite failed.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<InvalidEntry> for Fault {
    fn from(error: InvalidEntry) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => error,
            Fault::Sqlite(error) => explain(error),
        }
    }
}

/// Whether there was no room.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// What a user is told of a fault of SQLite. Its own words name tables and columns, never values.
pub(crate) fn explain(error: rusqlite::Error) -> StoreError {
    let (kind, message) = told(&error);
    StoreError::new(kind, message).with_source(error)
}

/// What each of those is told whose operations shared a transaction of which nothing was written.
pub(crate) fn explain_shared(error: &Arc<rusqlite::Error>) -> StoreError {
    let (kind, message) = told(error);
    StoreError::new(kind, message).with_source(Arc::clone(error))
}

/// What each of those is told whose operations shared a transaction that could not be committed.
pub(crate) fn uncommitted(error: &Arc<rusqlite::Error>) -> StoreError {
    let (kind, message) = match told(error) {
        (kind @ StoreErrorKind::Full, message) => (kind, message),
        _ => (
            StoreErrorKind::Unavailable,
            "the store's file could not be written to the end: look at the disk, then at what was stored",
        ),
    };
    StoreError::new(kind, message).with_source(Arc::clone(error))
}

fn told(error: &rusqlite::Error) -> (StoreErrorKind, &'static str) {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            StoreErrorKind::Full,
            "there is no room left for the store: make room on its disk or raise its bound, and prune or purge it",
        ),
        Some(
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied,
        ) => (
            StoreErrorKind::ReadOnly,
            "the store's file or its directory may not be written to: give this user the right to",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => (
            StoreErrorKind::Unavailable,
            "another process held the store's file for too long: try again, and look who has it open",
        ),
        Some(ErrorCode::NotADatabase) => {
            (StoreErrorKind::Unusable, "the file is no SQLite database: choose another path")
        }
        Some(ErrorCode::DatabaseCorrupt) => (
            StoreErrorKind::Unusable,
            "the store's file is damaged: stop what uses it, keep a copy, and restore a backup",
        ),
        Some(ErrorCode::CannotOpen) => (
            StoreErrorKind::Unavailable,
            "the store's file or one beside it cannot be opened: look whether its directory is still there",
        ),
        Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory | ErrorCode::NoLargeFileSupport) => (
            StoreErrorKind::Unavailable,
            "the store's file could not be read or written: look at the disk, and try again",
        ),
        Some(ErrorCode::TooBig) => {
            (StoreErrorKind::Invalid, "a request must be smaller than 1 GB to be stored")
        }
        _ => (StoreErrorKind::Internal, "SQLite refused a statement: please report it"),
    }
}

/// An operation panicked.
pub(crate) fn panicked() -> StoreError {
    StoreError::new(
        StoreErrorKind::Internal,
        "the store's thread panicked and undid the operation: please report it",
    )
}

/// Something about the place of the file.
pub(crate) fn at_path(kind: StoreErrorKind, path: &Path, what: &str) -> StoreError {
    StoreError::new(kind, format!("{} {what}", path.display()))
}
