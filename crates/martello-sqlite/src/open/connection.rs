use std::{fmt::Write as _, io, path::Path};

use martello_outbox::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, config::DbConfig};

use super::DatabasePath;
use crate::fault::{self, explain};

/// Statements that a connection keeps prepared: more than this crate has, apart from those built for a
/// filter.
const STATEMENTS: usize = 128;
/// Page cache of a connection, in KiB. It holds the inner pages of all indexes of some million entries.
const CACHE_KIB: i32 = 8 * 1024;
/// Pages of 4 KiB in the write-ahead log after which SQLite checkpoints it.
const CHECKPOINT_PAGES: u32 = 1_000;
/// Bytes to which a longer write-ahead log is truncated after a checkpoint.
pub(crate) const WAL_LIMIT: u32 = 64 * 1024 * 1024;
/// How often to request WAL mode for a new file. Each failure means that another connection made progress.
const ATTEMPTS: usize = 100;
const UNMADE: &str = "cannot be created: allow this user to write to its directory";
/// The value of `PRAGMA synchronous` that means FULL.
pub(super) const FULL: i64 = 2;

pub(super) fn connect(database: &DatabasePath, create: bool) -> Result<Connection, StoreError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let connection = open(&database.path, flags)?;
    // SQLite opens a file read-only when it may not write to it.
    if connection.is_readonly(MAIN_DB).map_err(explain)? {
        let what = "is not writable: allow this user to write to it";
        return Err(fault::at_path(StoreErrorKind::ReadOnly, &database.path, what));
    }
    connection.busy_timeout(database.busy_timeout).map_err(explain)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Without this, a plan may depend on bound values, and SQLite prepares such a statement again at each
    // run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(explain)?;
    for (pragma, value) in [("cache_size", -CACHE_KIB), ("temp_store", 2), ("trusted_schema", 0)] {
        connection.pragma_update(None, pragma, value).map_err(|error| beside(&database.path, error))?;
    }
    Ok(connection)
}

/// Opens the file. A file that this creates is readable and writable by its owner only.
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

/// Turns on the write-ahead log and makes each commit durable before it is acknowledged. It verifies both.
pub(super) fn make_durable(connection: &Connection, database: &DatabasePath) -> Result<(), StoreError> {
    let mode = enable_wal(connection).map_err(|error| beside(&database.path, error))?;
    // Apple systems flush the disk's cache only with these; on other systems they have no effect.
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

/// Requests WAL mode and returns the resulting journal mode. Only the first connection to a new file changes
/// it. This pragma ignores the busy timeout, so on a conflict an exclusive transaction does the waiting.
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

/// Limits the size of the file. SQLite counts in pages and keeps the limit for this connection only.
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

/// The error when the file itself opened, so that its -wal or -shm file caused `error`.
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

/// The URI that creates the file with mode 0600, and a temporary file with that mode. SQLite copies the mode
/// of the file that `modeof` names, and gives the mode of the database to its -wal and -shm files. Returns
/// `None` if the file exists: it keeps its mode.
#[cfg(unix)]
fn for_its_owner(path: &Path) -> io::Result<Option<(String, tempfile::NamedTempFile)>> {
    if std::fs::metadata(path).is_ok() {
        return Ok(None);
    }
    let beside = path.parent().unwrap_or(Path::new("/"));
    let model = tempfile::NamedTempFile::new_in(beside).or_else(|_| tempfile::NamedTempFile::new())?;
    Ok(Some((format!("{}?modeof={}", uri(path), escaped(model.path())), model)))
}
