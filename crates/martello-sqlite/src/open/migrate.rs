//! Migrations of the schema: forward only, all in one transaction, by whichever process comes first.

use std::path::Path;

use martello_outbox::{StoreError, StoreErrorKind, engine::newer_schema};
use rusqlite::{
    Connection, Transaction,
    TransactionBehavior::{Deferred, Immediate},
};

use super::{APPLICATION_ID, DatabasePath, connection, version_3};
use crate::fault::{self, Fault};

/// A migration to the next version: its SQL, then the part that SQL cannot do.
type Step = (&'static str, fn(&Connection) -> rusqlite::Result<()>);

/// The migrations from an empty file to the newest version.
const STEPS: &[Step] = &[
    (include_str!("../schema_1.sql"), |_| Ok(())),
    (include_str!("../schema_2.sql"), |_| Ok(())),
    (include_str!("../schema_3.sql"), version_3::fill_columns),
];

/// The version of the schema that this crate reads and writes.
pub(crate) const NEWEST: i32 = 3;

pub(super) fn refuse_newer(path: &Path, version: i32) -> Result<(), StoreError> {
    if version <= NEWEST { Ok(()) } else { Err(newer(path, version)) }
}

/// The error for a file that a newer version of this crate has migrated.
pub(super) fn newer(path: &Path, version: i32) -> StoreError {
    newer_schema(path.display(), version, NEWEST)
}

/// Sets the application id of an empty file, and migrates an older schema.
pub(super) fn prepare(connection: &Connection, database: &DatabasePath) -> Result<(), StoreError> {
    set_application_id(connection, database)?;
    connection::make_durable(connection, database)?;
    // A migration may need space. A full file must still open, so that entries can be deleted from it.
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

/// Writes the application id to an empty file before WAL mode is on: the id must be in the file itself.
fn set_application_id(connection: &Connection, database: &DatabasePath) -> Result<(), StoreError> {
    // In one transaction, because another process may be doing the same.
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

/// Whether the file has our application id; `false` if it is empty.
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
    // Another process may have migrated it meanwhile.
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
    fn there_is_a_migration_to_each_version() {
        assert_eq!(i32::try_from(super::STEPS.len()), Ok(super::NEWEST));
    }
}
