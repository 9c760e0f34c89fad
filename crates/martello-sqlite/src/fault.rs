//! Errors of SQLite, and the [`StoreError`]s that callers get for them.

use std::{path::Path, sync::Arc};

use martello_outbox::{InvalidEntry, StoreError, StoreErrorKind, engine::too_large};
use rusqlite::ErrorCode;

/// Why an operation failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The operation itself failed, such as a change of an entry that does not exist.
    Store(StoreError),
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
        Self::Store(error)
    }
}

impl From<InvalidEntry> for Fault {
    fn from(error: InvalidEntry) -> Self {
        Self::Store(error.into())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error,
            Fault::Sqlite(error) => explain(error),
        }
    }
}

/// Whether the disk, or the file within its `max_size`, is full.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

/// The [`StoreError`] for an error of SQLite. The source's text names tables and columns, never values.
pub(crate) fn explain(error: rusqlite::Error) -> StoreError {
    describe(&error).with_source(error)
}

/// The same, for each operation of a transaction that was rolled back as a whole.
pub(crate) fn explain_shared(error: &Arc<rusqlite::Error>) -> StoreError {
    describe(error).with_source(Arc::clone(error))
}

/// The error for each operation of a transaction whose commit failed.
pub(crate) fn uncommitted(error: &Arc<rusqlite::Error>) -> StoreError {
    let described = describe(error);
    let uncommitted = match described.kind() {
        StoreErrorKind::Full => described,
        _ => StoreError::new(
            StoreErrorKind::Unavailable,
            "the commit to the store's file failed: check the disk, then check what was stored",
        ),
    };
    uncommitted.with_source(Arc::clone(error))
}

fn describe(error: &rusqlite::Error) -> StoreError {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            StoreErrorKind::Full,
            "the store is full: free disk space or raise its max_size, then prune or purge entries",
        ),
        Some(
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied,
        ) => (
            StoreErrorKind::ReadOnly,
            "the store's file or its directory is read-only: allow this user to write to both",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => (
            StoreErrorKind::Unavailable,
            "another process locked the store's file for too long: try again, or check which process has it open",
        ),
        Some(ErrorCode::NotADatabase) => {
            (StoreErrorKind::Unusable, "the file is not a SQLite database: choose another path")
        }
        Some(ErrorCode::DatabaseCorrupt) => (
            StoreErrorKind::Unusable,
            "the store's file is corrupt: stop all programs that use it, keep a copy, then restore a backup",
        ),
        Some(ErrorCode::CannotOpen) => (
            StoreErrorKind::Unavailable,
            "the store's file, or its -wal or -shm file, cannot be opened: check that its directory still exists",
        ),
        Some(ErrorCode::SystemIoFailure | ErrorCode::OutOfMemory | ErrorCode::NoLargeFileSupport) => (
            StoreErrorKind::Unavailable,
            "reading or writing the store's file failed: check the disk, then try again",
        ),
        Some(ErrorCode::TooBig) => return too_large(),
        _ => (StoreErrorKind::Internal, "SQLite rejected a statement: report this as a bug"),
    };
    StoreError::new(kind, message)
}

/// The error of an operation that panicked.
pub(crate) fn panicked() -> StoreError {
    StoreError::new(
        StoreErrorKind::Internal,
        "the operation panicked and was rolled back: report this as a bug",
    )
}

/// An error about the file at this path. The message is the path followed by `what`.
pub(crate) fn at_path(kind: StoreErrorKind, path: &Path, what: &str) -> StoreError {
    StoreError::new(kind, format!("{} {what}", path.display()))
}
