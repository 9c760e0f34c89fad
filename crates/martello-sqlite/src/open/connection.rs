use std::{fmt::Write as _, io, path::Path};

use martello_outbox::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, config::DbConfig};

use super::DatabasePath;
use crate::fault::{self, explain};

/// More than there are statements that are not made for a filter.
const STATEMENTS: usize = 128;
/// What a connection keeps of the file in memory, in KiB: the inner pages of all indexes of some million entries.
const CACHE_KIB: i32 = 8 * 1024;
/// After how many pages of 4 KiB the log is copied into the file.
const CHECKPOINT_PAGES: u32 = 1_000;
/// What is left of a longer log once it has been copied, in bytes.
pub(crate) const WAL_LIMIT: u32 = 64 * 1024 * 1024;
/// How often a new file is asked to have a log. After each that fails, others have done what they were about to.
const ATTEMPTS: usize = 100;
const UNMADE: &str = "cannot be created: allow this user to write to its directory";
/// What `PRAGMA synchronous` says for FULL.
pub(super) const FULL: i64 = 2;

pub(super) fn connect(database: &DatabasePath, create: bool) -> Result<Connection, StoreError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = open(&database.path, flags)?;
    // Where SQLite may not write, it reads.
    if connection.is_readonly(MAIN_DB).map_err(explain)? {
        let what = "is not writable: allow this user to write to it";
        return Err(fault::at_path(StoreErrorKind::ReadOnly, &database.path, what));
    }
    connection.busy_timeout(database.busy_timeout).map_err(explain)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Else a plan may depend on what is bound, and each statement that might is prepared anew each time it is run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(explain)?;
    for (pragma, value) in [("cache_size", -CACHE_KIB), ("temp_store", 2), ("trusted_schema", 0)] {
        connection.pragma_update(None, pragma, value).map_err(|error| beside(&database.path, error))?;
    }
    Ok(connection)
}

/// Opens the file; one that is made now is for its owner alone.
fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    #[cfg(unix)]
    if flags.contains(OpenFlags::SQLITE_OPEN_CREATE) {
        let model = for_its_owner(path)
            .map_err(|error| fault::at_path(StoreErrorKind::ReadOnly, path, UNMADE).with_source(error))?;
        if let Some((uri, _model)) = model {
            let opened = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI);
            return opened.map_err(|error| unopened(path, error));
        }
    }
    Connection::open_with_flags(path, flags).map_err(|error| unopened(path, error))
}

/// Write-ahead log, and each commit on the disk before it is acknowledged; asked for and looked at.
pub(super) fn make_durable(connection: &Connection, database: &DatabasePath) -> Result<(), StoreError> {
    let mode = enable_wal(connection).map_err(|error| beside(&database.path, error))?;
    // An Apple system hands a sync on to the disk only if it is asked to; elsewhere this changes nothing.
    for pragma in ["fullfsync", "checkpoint_fullfsync"] {
        connection.pragma_update(None, pragma, true).map_err(explain)?;
    }
    connection.pragma_update(None, "synchronous", FULL).map_err(explain)?;
    let synchronous: i64 =
        connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(explain)?;
    if mode != "wal" || synchronous != FULL {
        let what = "is on a file system without durable writes: move it to a local file system";
        return Err(fault::at_path(StoreErrorKind::Unusable, &database.path, what));
    }
    let ask = |pragma, value: u32| {
        let set = connection.pragma_update_and_check(None, pragma, value, |row| row.get::<_, i64>(0));
        set.map(drop).map_err(explain)
    };
    ask("wal_autocheckpoint", CHECKPOINT_PAGES)?;
    ask("journal_size_limit", WAL_LIMIT)
}

/// Asks for a write-ahead log, and tells what there is. Only the first connection to a new file changes something; and of
/// all that SQLite does, this alone does not wait for others who are in its way, so it is made to wait for them.
fn enable_wal(connection: &Connection) -> rusqlite::Result<String> {
    let ask = || connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0));
    for _ in 0..ATTEMPTS {
        match ask() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                connection.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
            }
            done => return done,
        }
    }
    ask()
}

/// The most bytes that the file may have. SQLite forgets it with the connection, and counts pages.
pub(super) fn bound(connection: &Connection, database: &DatabasePath) -> Result<(), StoreError> {
    let Some(bytes) = database.max_size else {
        return Ok(());
    };
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0)).map_err(explain)?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
    let set = connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0));
    set.map(drop).map_err(explain)
}

fn unopened(path: &Path, error: rusqlite::Error) -> StoreError {
    if error.sqlite_error_code() != Some(ErrorCode::CannotOpen) {
        return explain(error);
    }
    let what = if path.exists() { "cannot be opened: allow this user to read and write it" } else { UNMADE };
    fault::at_path(StoreErrorKind::ReadOnly, path, what).with_source(error)
}

/// The file itself could be opened, so it is what SQLite puts beside it.
pub(super) fn beside(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
            let what =
                "has a -wal or -shm file that cannot be written: allow this user to write to its directory";
            fault::at_path(StoreErrorKind::ReadOnly, path, what).with_source(error)
        }
        _ => explain(error),
    }
}

/// The path as a URI, to which parameters can be added.
pub(super) fn uri(path: &Path) -> String {
    let slash = if cfg!(windows) { "/" } else { "" };
    format!("file:{slash}{}", escaped(path))
}

fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'\\' if cfg!(windows) => text.push('/'),
            b'/' | b'.' | b'-' | b'_' | b':' => text.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(*byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(text, "%{byte:02X}")),
        }
    }
    text
}

/// How a file that is not there yet is opened, to be made for its owner alone: SQLite gives it the mode of
/// the file that `modeof` names, and to what is beside it the mode of the file itself. `None` if it is there,
/// and keeps its mode.
#[cfg(unix)]
fn for_its_owner(path: &Path) -> io::Result<Option<(String, tempfile::NamedTempFile)>> {
    if std::fs::metadata(path).is_ok() {
        return Ok(None);
    }
    let beside = path.parent().unwrap_or(Path::new("/"));
    let model = tempfile::NamedTempFile::new_in(beside).or_else(|_| tempfile::NamedTempFile::new())?;
    Ok(Some((format!("{}?modeof={}", uri(path), escaped(model.path())), model)))
}
