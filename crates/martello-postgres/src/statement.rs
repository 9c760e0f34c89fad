use martello_outbox::StoreError;
use serde::Serialize;
use sqlx::{
    Arguments, AssertSqlSafe, Encode, Executor, PgConnection, Postgres, Type,
    postgres::{PgArguments, PgRow},
};

use crate::{explain::explain, schema::Schema};

/// A statement with its values. An operation is one statement: one round trip, with effect as a whole or not
/// at all.
#[derive(Debug)]
pub(crate) struct Statement {
    sql: String,
    arguments: PgArguments,
    failed: Option<sqlx::Error>,
    /// Whether it may be executed again when it is unknown whether it took effect.
    pub(crate) repeatable: bool,
}

impl Statement {
    /// A statement in which `__` stands for the schema.
    pub(crate) fn new(schema: &Schema, text: &str) -> Self {
        Self { sql: schema.sql(text), arguments: PgArguments::default(), failed: None, repeatable: false }
    }

    pub(crate) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Adds a value.
    pub(crate) fn bind<'q, T: Encode<'q, Postgres> + Type<Postgres>>(mut self, value: T) -> Self {
        self.push(value);
        self
    }

    /// Adds a value as JSON text, which the statement casts to `json`.
    pub(crate) fn bind_json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_string(value) {
            Ok(text) => self.push(text),
            Err(error) => self.failed = Some(sqlx::Error::Encode(error.into())),
        }
        self
    }

    pub(crate) fn push<'q, T: Encode<'q, Postgres> + Type<Postgres>>(&mut self, value: T) {
        if let Err(error) = self.arguments.add(value) {
            self.failed = Some(sqlx::Error::Encode(error));
        }
    }

    /// Executes the statement. With `prepared`, it is prepared under a name and stays in the session.
    pub(crate) async fn fetch(
        &self,
        connection: &mut PgConnection,
        prepared: bool,
    ) -> sqlx::Result<Vec<PgRow>> {
        if let Some(error) = &self.failed {
            return Err(sqlx::Error::Encode(error.to_string().into()));
        }
        let (sql, arguments) = (AssertSqlSafe(self.sql.as_str()), self.arguments.clone());
        sqlx::query_with(sql, arguments).persistent(prepared).fetch_all(connection).await
    }
}

/// Runs a script of statements in which `__` stands for the schema.
pub(crate) async fn run_script(
    connection: &mut PgConnection,
    schema: &Schema,
    sql: &str,
) -> Result<(), StoreError> {
    let sql = sqlx::raw_sql(AssertSqlSafe(schema.sql(sql)));
    connection.execute(sql).await.map_err(explain)?;
    Ok(())
}
