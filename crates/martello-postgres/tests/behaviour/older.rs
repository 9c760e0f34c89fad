//! A schema of an older version, and the statements of programs of that version.

use martello_outbox::{
    EntryId, NewEntry, OrderKey, Reason,
    store::{Lease, WorkerId},
};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row, postgres::PgRow};

use crate::support::TestSchema;

const SCHEMAS: [&str; 2] = [include_str!("older/schema_1.sql"), include_str!("older/schema_2.sql")];

/// Stores one entry with this id, key, reason (if dead), method, URL and host. A channel means an external
/// transaction.
pub(crate) const ENQUEUE: &str = "SELECT * FROM __.enqueue(NULL, $8, ARRAY[$1::uuid], '{default}', ARRAY[$2::text],
         '{false}', '{NULL}', '{0}', '{86400000000}', '{10}', '{true}', ARRAY[$3::text], ARRAY[$4::text], ARRAY[$5::text],
         '{[]}', '{false}', ARRAY[$6::bytea], ARRAY[$7::text], '{0}', '{NULL}', '{NULL}', '{NULL}',
         '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')";

/// Claims up to this many entries.
pub(crate) const CLAIM: &str = "SELECT kind, slot, seq, fence::text, id::text
     FROM __.turn(NULL, 'default', 'worker', $1, 20, 60000000, 'ambiguous', NULL, '{}', '{}', '{}', '{}', '{}', '{}', '{}',
         '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')";

/// Settles the lease with this slot, sequence number, fence and id, and this state.
pub(crate) const SETTLE: &str = "SELECT settled[1] FROM __.turn(NULL, 'default', 'worker', 0, 20, 60000000, 'ambiguous', NULL,
         ARRAY[$1::integer], ARRAY[$2::bigint], ARRAY[$3::uuid], ARRAY[$4::uuid], ARRAY[$5::smallint], '{rejected}',
         '{NULL}', '{1}', '{false}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}')
     WHERE kind = 0";

/// A connection of an older program.
pub(crate) struct Older {
    pub(crate) connection: PgConnection,
    schema: String,
}

impl Older {
    /// Creates a schema of this version.
    pub(crate) async fn make(test: &TestSchema, version: usize) -> Self {
        test
            .run(
                "CREATE SCHEMA __;
             CREATE TABLE __.martello_migration (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",
            )
            .await;
        for (number, schema) in (1..=version).zip(SCHEMAS) {
            test.run(schema).await;
            test.run(&format!("INSERT INTO __.martello_migration (version) VALUES ({number})")).await;
        }
        Self::connect(test).await
    }

    /// Opens another connection.
    pub(crate) async fn connect(test: &TestSchema) -> Self {
        Self { connection: test.connection().await, schema: test.schema.clone() }
    }

    /// Runs a statement, with the schema in place of `__`.
    pub(crate) async fn run(&mut self, sql: &str) -> sqlx::Result<()> {
        let sql = AssertSqlSafe(sql.replace("__", &self.schema));
        self.connection.execute(sqlx::raw_sql(sql)).await.map(drop)
    }

    pub(crate) async fn enqueue(&mut self, entries: &[NewEntry]) -> Vec<EntryId> {
        for entry in entries {
            self.try_enqueue(entry, None).await.unwrap();
        }
        entries.iter().map(|entry| entry.id).collect()
    }

    pub(crate) async fn try_enqueue(&mut self, entry: &NewEntry, channel: Option<&str>) -> sqlx::Result<()> {
        let sql = AssertSqlSafe(ENQUEUE.replace("__", &self.schema));
        let statement = sqlx::query(sql)
            .bind(entry.id.to_string())
            .bind(entry.order_key.as_ref().map(OrderKey::as_str))
            .bind(entry.dead.map(Reason::as_str))
            .bind(entry.request.method.as_str())
            .bind(entry.request.uri.to_string())
            .bind(&entry.request.body[..])
            .bind(entry.request.host())
            .bind(channel);
        statement.execute(&mut self.connection).await.map(drop)
    }

    pub(crate) async fn claim(&mut self, many: i64) -> Vec<Lease> {
        self.try_claim(many).await.unwrap()
    }

    pub(crate) async fn try_claim(&mut self, many: i64) -> sqlx::Result<Vec<Lease>> {
        let sql = AssertSqlSafe(CLAIM.replace("__", &self.schema));
        let rows = sqlx::query(sql).bind(many).fetch_all(&mut self.connection).await?;
        Ok(rows.iter().filter(|row| row.get::<i16, _>(0) == 1).map(lease).collect())
    }

    /// Settles the lease. Returns whether the settlement was applied.
    pub(crate) async fn settle(&mut self, lease: &Lease, state: i16) -> sqlx::Result<bool> {
        let mut parts = lease.fence.split('.');
        let sql = AssertSqlSafe(SETTLE.replace("__", &self.schema));
        let statement = sqlx::query_scalar::<_, i16>(sql)
            .bind(parts.next().unwrap().parse::<i32>().unwrap())
            .bind(parts.next().unwrap().parse::<i64>().unwrap())
            .bind(parts.next().unwrap())
            .bind(lease.id.to_string())
            .bind(state);
        Ok(statement.fetch_one(&mut self.connection).await? == 1)
    }
}

fn lease(row: &PgRow) -> Lease {
    let (slot, seq, fence): (i32, i64, String) = (row.get(1), row.get(2), row.get(3));
    Lease {
        id: row.get::<String, _>(4).parse().unwrap(),
        fence: format!("{slot}.{seq}.{}", fence.replace('-', "")).into(),
        worker: WorkerId::new("worker").unwrap(),
    }
}
