//! Detects a pooler, such as PgBouncer, that gives each transaction any free session.
//!
//! Behind one, nothing may stay in a session: no setting, no named statement, no `LISTEN`. A session may also
//! contain what other clients left, such as another statement of the same name.

use std::collections::HashSet;

use sqlx::{Executor, PgConnection, Row};

/// How often each connection is asked. A pooled connection that gets the same session each time is not
/// detected.
const ROUNDS: u32 = 3;

/// Whether two connections, neither in a transaction, share sessions with each other or with other clients.
pub(crate) async fn shares_sessions(
    one: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    let (mut ones, mut others) = (HashSet::new(), HashSet::new());
    for _ in 0..ROUNDS {
        // Twice in a row, for a pooler that hands out sessions in rotation.
        for _ in 0..2 {
            ones.insert(session(one).await?);
        }
        for _ in 0..2 {
            others.insert(session(other).await?);
        }
        if ones.len() > 1 || others.len() > 1 || !ones.is_disjoint(&others) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The server process that answers, by a query that needs no prepared statement.
async fn session(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    connection.fetch_one(sqlx::raw_sql("SELECT pg_backend_pid()")).await?.try_get(0)
}
