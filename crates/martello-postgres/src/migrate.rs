//! Migrates the schema to the newest version, in one transaction. Of several processes, the first does it.

use std::time::Duration;

use martello_outbox::{StoreError, StoreErrorKind};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    execution::BEGIN,
    explain::{explain, is_blocked, timed_out},
    rekey::rekey,
    schema::Schema,
    statement::run_script,
};

/// The changes of the tables from each version to the next.
const TABLES: &[&str] = &[
    include_str!("tables/1.sql"),
    include_str!("tables/2.sql"),
    // Followed by `rekey`.
    include_str!("tables/3.sql"),
];

/// The view, types and functions. They exist in the newest version only: a migration replaces them.
const FUNCTIONS: &[&str] = &[
    include_str!("functions/overview.sql"),
    include_str!("functions/inputs.sql"),
    include_str!("functions/parts.sql"),
    include_str!("functions/enqueue.sql"),
    include_str!("functions/settle.sql"),
    include_str!("functions/reap.sql"),
    include_str!("functions/claim.sql"),
    include_str!("functions/turn.sql"),
    include_str!("functions/change.sql"),
    include_str!("functions/replay.sql"),
    include_str!("functions/remove.sql"),
    include_str!("functions/queue.sql"),
    include_str!("functions/checkpoint.sql"),
];

/// The composite types go last, because functions have parameters of them.
const DROP_FUNCTIONS: &str = "DROP TRIGGER arrive ON __.arriving;
     DO $$ DECLARE _function regprocedure; _type regclass; BEGIN
         FOR _function IN SELECT oid FROM pg_proc WHERE pronamespace = '__'::regnamespace LOOP
             EXECUTE 'DROP ROUTINE ' || _function;
         END LOOP;
         FOR _type IN SELECT oid FROM pg_class WHERE relnamespace = '__'::regnamespace AND relkind = 'c' LOOP
             EXECUTE 'DROP TYPE IF EXISTS ' || _type || ' CASCADE';
         END LOOP;
     END $$;
     DROP VIEW __.glance";

/// Locks the tables for the migration, because a program of an older version may still run. The view comes
/// first, because a reader locks it before its tables; the tables follow in the order in which a turn changes
/// them. Other transactions wait behind this lock, so it gives up soon, and before the server looks for a
/// deadlock.
const LOCK: &str = "SET LOCAL lock_timeout = '900ms';
     LOCK TABLE __.glance, __.slot, __.entry, __.request, __.attempt, __.event, __.arriving, __.ready, __.queue, __.tally,
         __.replay IN ACCESS EXCLUSIVE MODE;
     SET LOCAL lock_timeout = '30s'";

/// The pause between two attempts to lock the tables, in which other transactions proceed.
const APART: Duration = Duration::from_millis(500);

/// The version of the schema that this crate uses.
pub(crate) const NEWEST: i32 = 3;

/// How long the migration of a store with entries may take: minutes for a million.
const UPGRADE: Duration = Duration::from_secs(60 * 60);

/// The oldest supported server.
const OLDEST_SERVER: i32 = 140_000;

/// The state of the server and of the schema.
struct Found {
    server: i32,
    encoding: String,
    read_only: bool,
    exists: bool,
    ours: bool,
    empty: bool,
}

/// Creates or migrates the schema. Each step is one transaction, because a pooler may give the next to
/// another session.
///
/// Each step may take as long as `patience`, except the migration of a store with entries, which would begin
/// with the first of them again.
pub(crate) async fn prepare(
    connection: &mut PgConnection,
    schema: &Schema,
    create: bool,
    patience: Duration,
) -> Result<(), StoreError> {
    let version = within(patience, look_at(connection, schema)).await?;
    if version == 0 && !create {
        let what = format!(
            "the schema {} holds no store: check its name, or let the builder create it",
            schema.as_str()
        );
        return Err(StoreError::new(StoreErrorKind::Unusable, what));
    }
    let bound = if version == 0 { patience } else { patience.max(UPGRADE) };
    if version < NEWEST {
        within(bound, migrate(connection, schema, patience)).await?;
    }
    Ok(())
}

/// The version of the existing schema; 0 if there is none.
async fn look_at(connection: &mut PgConnection, schema: &Schema) -> Result<i32, StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await.map_err(explain)?;
    let found = look(&mut transaction, schema).await?;
    refuse_server(&found)?;
    let version = if found.exists { version(&mut transaction, schema, &found).await? } else { 0 };
    transaction.rollback().await.map_err(explain)?;
    Ok(version)
}

/// The result of a step, or an error when it takes longer than `patience`.
pub(crate) async fn within<T>(
    patience: Duration,
    step: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(patience, step).await.unwrap_or_else(|_| Err(timed_out()))
}

async fn look(connection: &mut PgConnection, schema: &Schema) -> Result<Found, StoreError> {
    let sql = "SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'),
             current_setting('transaction_read_only')::boolean OR pg_is_in_recovery(),
             EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
             EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                 WHERE nspname = $1 AND relname = 'martello_migration'),
             NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = $1)";
    let query = sqlx::query(sql).persistent(false).bind(schema.as_str());
    let row = query.fetch_one(connection).await.map_err(explain)?;
    let found = || {
        Ok(Found {
            server: row.try_get(0)?,
            encoding: row.try_get(1)?,
            read_only: row.try_get(2)?,
            exists: row.try_get(3)?,
            ours: row.try_get(4)?,
            empty: row.try_get(5)?,
        })
    };
    found().map_err(explain)
}

fn refuse_server(found: &Found) -> Result<(), StoreError> {
    let refuse = |kind, message: &'static str| Err(StoreError::new(kind, message));
    if found.server < OLDEST_SERVER {
        return refuse(StoreErrorKind::Unusable, "the server is older than PostgreSQL 14: update it");
    }
    if found.encoding != "UTF8" {
        let message = "the encoding of the database is not UTF8: create a database that has it";
        return refuse(StoreErrorKind::Unusable, message);
    }
    if found.read_only {
        let message = "the server is read-only, as a standby is: connect to the primary";
        return refuse(StoreErrorKind::ReadOnly, message);
    }
    Ok(())
}

/// The version of the schema; 0 if it is empty.
async fn version(connection: &mut PgConnection, schema: &Schema, found: &Found) -> Result<i32, StoreError> {
    if !found.ours && found.empty {
        return Ok(0);
    }
    let unusable = |what: String| {
        StoreError::new(StoreErrorKind::Unusable, format!("the schema {} {what}", schema.as_str()))
    };
    if !found.ours {
        return Err(unusable("has tables of another program: choose another name".to_owned()));
    }
    let sql = schema.sql("SELECT coalesce(max(version), 0) FROM __.martello_migration");
    let query = sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false);
    let version = query.fetch_one(connection).await.map_err(explain)?;
    if version > NEWEST {
        return Err(unusable(format!(
            "was written by a newer martello (schema {version}, this one knows {NEWEST}): update this program"
        )));
    }
    Ok(version)
}

/// Migrates as soon as no other transaction uses the tables. It waits for that up to `patience`.
async fn migrate(
    connection: &mut PgConnection,
    schema: &Schema,
    patience: Duration,
) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        match try_to_migrate(connection, schema).await {
            Err(error) if is_blocked(&error) && began.elapsed() < patience => sleep(APART).await,
            Err(error) if is_blocked(&error) => {
                let message = "the schema cannot be migrated while other transactions use its tables: end the long \
                     ones, and connect again";
                return Err(StoreError::new(StoreErrorKind::Unavailable, message).with_source(error));
            }
            done => return done,
        }
    }
}

async fn try_to_migrate(connection: &mut PgConnection, schema: &Schema) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with(BEGIN).await.map_err(explain)?;
    run_script(&mut transaction, schema, "SET LOCAL synchronous_commit TO on").await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
    let name = format!("martello migrates {}", schema.as_str());
    sqlx::query(lock).persistent(false).bind(name).execute(&mut *transaction).await.map_err(explain)?;
    // Another process may have migrated it meanwhile.
    let found = look(&mut transaction, schema).await?;
    let from = version(&mut transaction, schema, &found).await?;
    if from == NEWEST {
        return transaction.rollback().await.map_err(explain);
    }
    if !found.exists {
        run_script(&mut transaction, schema, "CREATE SCHEMA __").await?;
    }
    if from == 0 {
        let sql = "CREATE TABLE __.martello_migration (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())";
        run_script(&mut transaction, schema, sql).await?;
    } else {
        run_script(&mut transaction, schema, LOCK).await?;
        run_script(&mut transaction, schema, DROP_FUNCTIONS).await?;
    }
    for (version, tables) in (1..).zip(TABLES).skip(usize::try_from(from).unwrap_or_default()) {
        run_script(&mut transaction, schema, tables).await?;
        if version == 3 {
            rekey(&mut transaction, schema).await?;
        }
        let sql = format!("INSERT INTO __.martello_migration (version) VALUES ({version})");
        run_script(&mut transaction, schema, &sql).await?;
    }
    for functions in FUNCTIONS {
        run_script(&mut transaction, schema, functions).await?;
    }
    transaction.commit().await.map_err(explain)
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_version_has_its_tables() {
        assert_eq!(i32::try_from(super::TABLES.len()), Ok(super::NEWEST));
    }
}
