//! Whether something in between, such as PgBouncer, gives each transaction whichever session is free.
//!
//! Then nothing may be left in a session: no setting, no statement with a name, no channel that is listened to. What
//! others left there would be met as well: a statement of the same name that is another.

use std::collections::HashSet;

use sqlx::{Executor, PgConnection, Row};

/// How often each is asked. One that happens to meet the same session each time while others come and go is not told
/// from one that has its own.
const ROUNDS: u32 = 3;

/// Whether two connections, neither of them in a transaction, meet each other's sessions, or others'.
pub(crate) async fn shares_sessions(
    one: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    let (mut ones, mut others) = (HashSet::new(), HashSet::new());
    for _ in 0..ROUNDS {
        // Twice in a row, for a pooler that hands out its sessions in turn.
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

/// The process of the server that answers, without a statement that has to be prepared.
async fn session(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    connection.fetch_one(sqlx::raw_sql("SELECT pg_backend_pid()")).await?.try_get(0)
}
