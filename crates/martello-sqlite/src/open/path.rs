//! Checks a path before anything is opened for writing. A file that is refused here is unchanged to the byte,
//! and nothing is created beside it.

use std::{
    io,
    path::{Path, PathBuf},
};

use martello_outbox::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{APPLICATION_ID, DatabasePath, connection::uri, migrate};
use crate::fault::{self, explain};

/// The fields of a file's header that identify a store.
struct Header {
    application_id: i32,
    user_version: i32,
}

/// The absolute path, so that SQLite gives no special meaning to any part of it.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, StoreError> {
    let refused = |what| StoreError::new(StoreErrorKind::Unusable, what);
    if path.as_os_str().is_empty() {
        return Err(refused("the path of the store is empty: give the path of a file"));
    }
    if path.file_name().is_some_and(|name| name == ":memory:") {
        let what = "is in memory and would be lost with the process: give the path of a file";
        return Err(fault::at_path(StoreErrorKind::Unusable, path, what));
    }
    std::path::absolute(path).map_err(|error| {
        refused("the current directory is unknown: give an absolute path").with_source(error)
    })
}

/// Checks whether a store can be opened at this path.
pub(super) fn check(database: &DatabasePath) -> Result<(), StoreError> {
    let path = database.path.as_path();
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => check_directory(database),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(fault::at_path(
            StoreErrorKind::ReadOnly,
            path,
            "cannot be reached: allow this user to access its directory",
        )),
        Err(error) => {
            Err(fault::at_path(StoreErrorKind::Unusable, path, "cannot be opened: give the path of a file")
                .with_source(error))
        }
        Ok(metadata) if !metadata.is_file() => Err(fault::at_path(
            StoreErrorKind::Unusable,
            path,
            "is not a regular file: give the path of a file",
        )),
        Ok(metadata) if metadata.len() == 0 => may_create(database),
        // Tries twice, because another process may just be writing the first page.
        Ok(_) => check_header(database).or_else(|_| check_header(database)),
    }
}

fn check_directory(database: &DatabasePath) -> Result<(), StoreError> {
    let parent = database.path.parent().unwrap_or(Path::new("/"));
    if !parent.is_dir() {
        let what = "is not a directory: create it first";
        return Err(fault::at_path(StoreErrorKind::Unusable, parent, what));
    }
    may_create(database)
}

fn may_create(database: &DatabasePath) -> Result<(), StoreError> {
    if database.create {
        return Ok(());
    }
    let what = "holds no store: check the path, or allow the store to be created";
    Err(fault::at_path(StoreErrorKind::Unusable, &database.path, what))
}

fn check_header(database: &DatabasePath) -> Result<(), StoreError> {
    let path = database.path.as_path();
    let has_wal = || std::fs::metadata(database.wal()).is_ok_and(|wal| wal.len() > 0);
    let header = match header(path) {
        // A checkpoint may be under way, or a crash may have interrupted one. Then the file alone looks
        // corrupt, but may be valid together with its log. Opening both shows which.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) && has_wal() => {
            return Ok(());
        }
        header => header,
    };
    let header = header.map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => {
            fault::at_path(StoreErrorKind::ReadOnly, path, "is not readable: allow this user to read it")
                .with_source(error)
        }
        Some(ErrorCode::NotADatabase) => {
            let what = "is not a SQLite database: choose another path, or move the file away";
            fault::at_path(StoreErrorKind::Unusable, path, what).with_source(error)
        }
        _ => explain(error),
    })?;
    if header.application_id != APPLICATION_ID {
        let what = "is a database of another program: choose another path";
        return Err(fault::at_path(StoreErrorKind::Unusable, path, what));
    }
    migrate::refuse_newer(path, header.user_version)
}

/// Reads the header through SQLite, not as a plain file: closing a plain file would drop the locks that
/// another store in this process holds (<https://sqlite.org/howtocorrupt.html> §2.2). With `immutable`,
/// SQLite neither locks nor recovers the file.
fn header(path: &Path) -> rusqlite::Result<Header> {
    let uri = uri(path) + "?immutable=1";
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags)?;
    let ask = |pragma| connection.pragma_query_value(None, pragma, |row| row.get(0));
    Ok(Header { application_id: ask("application_id")?, user_version: ask("user_version")? })
}
