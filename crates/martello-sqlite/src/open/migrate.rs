//! The versions of the schema: forward only, each in one transaction, whoever comes first.

use std::path::Path;

use martello_outbox::{StoreError, StoreErrorKind, engine::newer_schema};
use rusqlite::{
    Connection, Transaction,
    TransactionBehavior::{Deferred, Immediate},
};

use super::{APPLICATION_ID, DatabasePath, connection, version_3};
use crate::fault::{self, Fault};

/// What leads from a version to the next: its SQL, and then what SQL cannot do.
type Step = (&'static str, fn(&Connection) -> rusqlite::Result<()>);

/// What leads from each version to the next, from an empty file on.
const STEPS: &[Step] = &[
    (include_str!("../schema_1.sql"), |_| Ok(())),
    (include_str!("../schema_2.sql"), |_| Ok(())),
    (include_str!("../schema_3.sql"), version_3::fill_columns),
];

/// The version that this crate writes.
pub(crate) const NEWEST: i32 = 3;

pub(super) fn refuse_newer(path: &Path, version: i32) -> Result<(), StoreError> {
    if version <= NEWEST { Ok(()) } else { Err(newer(path, version)) }
}

/// The error for a file that a newer version of this crate has migrated.
pub(super) fn newer(path: &Path, version: i32) -> StoreError {
    newer_schema(path.display(), version, NEWEST)
}

/// Makes the file one of ours, if it is empty, and brings it up to date.
pub(super) fn prepare(connection: &Connection, database: &DatabasePath) -> Result<(), StoreError> {
    set_application_id(connection, database)?;
    connection::make_durable(connection, database)?;
    // An upgrade may take more room: a file that is full has to be opened before anything can be taken out of it.
    let is_older = (1..NEWEST).contains(&version(connection, database)?);
    if !is_older {
        connection::bound(connection, database)?;
    }
    migrate(connection, database).map_err(StoreError::from)?;
    if is_older { connection::bound(connection, database) } else { Ok(()) }
}

fn version(connection: &Connection, database: &DatabasePath) -> Result<i32, StoreError> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    version.map_err(|error| connection::beside(&database.path, error))
}

/// Writes our name into an empty file, before there is a log: it must be in the file itself for all to see.
fn set_application_id(connection: &Connection, database: &DatabasePath) -> Result<(), StoreError> {
    // One look at one state: another process may be doing the same.
    let look = Transaction::new_unchecked(connection, Deferred).map_err(fault::explain)?;
    let is_ours = ours(&look, database)?;
    look.rollback().map_err(fault::explain)?;
    if is_ours {
        return Ok(());
    }
    let first = Transaction::new_unchecked(connection, Immediate).map_err(fault::explain)?;
    if !ours(&first, database)? {
        first.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault::explain)?;
    }
    first.commit().map_err(fault::explain)
}

/// Whether the file bears our name; `false` if it is empty.
fn ours(connection: &Connection, database: &DatabasePath) -> Result<bool, StoreError> {
    let beside = |error| connection::beside(&database.path, error);
    let ask = |pragma| connection.pragma_query_value(None, pragma, |row| row.get(0)).map_err(beside);
    let (id, version): (i32, i32) = (ask("application_id")?, ask("user_version")?);
    if id == APPLICATION_ID {
        refuse_newer(&database.path, version)?;
        return Ok(true);
    }
    let things = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    if id != 0 || version != 0 || things.map_err(fault::explain)? != 0 {
        let what = "is a database of another program: choose another path";
        return Err(fault::at_path(StoreErrorKind::Unusable, &database.path, what));
    }
    Ok(false)
}

fn migrate(connection: &Connection, database: &DatabasePath) -> Result<(), Fault> {
    let version = |connection: &Connection| -> rusqlite::Result<i32> {
        connection.pragma_query_value(None, "user_version", |row| row.get(0))
    };
    if version(connection)? == NEWEST {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, Immediate)?;
    // Another process may have been quicker.
    let from = version(&transaction)?;
    refuse_newer(&database.path, from)?;
    for (sql, fill_in) in STEPS.iter().skip(usize::try_from(from).unwrap_or_default()) {
        transaction.execute_batch(sql)?;
        fill_in(&transaction)?;
    }
    transaction.pragma_update(None, "user_version", NEWEST)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_a_step_to_each_version() {
        assert_eq!(i32::try_from(super::STEPS.len()), Ok(super::NEWEST));
    }
}
