use std::time::Duration;

use martello_outbox::{QueueName, StoreError};

use super::clean;
use crate::{bells::News, engine::Shared, time::micros};

/// Claims nothing from this queue until it is resumed.
pub(crate) async fn pause(shared: &Shared, queue: &QueueName, why: &str) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO __.queue (name, paused) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET paused = $2";
    let statement = shared.statement(sql).bind(queue.as_str()).bind(clean(why).into_owned()).repeatable();
    shared.connections.rows(&statement).await.map(drop)
}

/// Claims nothing from this queue for this long.
pub(crate) async fn hold(
    shared: &Shared,
    queue: &QueueName,
    wait: Duration,
    why: &str,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO __.queue AS q (name, held_until, held)
             VALUES ($2, __.after(__.moment($1), $3), $4)
         ON CONFLICT (name) DO UPDATE SET held_until = excluded.held_until, held = excluded.held
         WHERE q.held_until IS NULL OR q.held_until < excluded.held_until";
    let statement = shared.statement(sql).bind(shared.now()).bind(queue.as_str());
    let statement = statement.bind(micros(wait)).bind(clean(why).into_owned()).repeatable();
    shared.connections.rows(&statement).await.map(drop)
}

/// Ends pause and hold.
pub(crate) async fn resume(shared: &Shared, queue: &QueueName) -> Result<(), StoreError> {
    // The row in the tally is for those who look whether anything has changed.
    let sql =
        "WITH resumed AS (UPDATE __.queue SET paused = NULL, held_until = NULL, held = NULL WHERE name = $1)
         INSERT INTO __.tally (queue) SELECT name FROM __.queue WHERE name = $1";
    shared.connections.rows(&shared.statement(sql).bind(queue.as_str()).repeatable()).await?;
    shared.tell(News::READY);
    Ok(())
}
