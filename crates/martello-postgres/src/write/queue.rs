use martello_outbox::{
    OrderKey, Overtaken, QueueName, StoreError,
    engine::{Changes, corrupt, overtaken_code},
};
use sqlx::Row;

use super::clean;
use crate::{explain::explain, shared::Shared};

/// Claims nothing from this queue until it is resumed.
pub(crate) async fn pause(shared: &Shared, queue: &QueueName, why: &str) -> Result<(), StoreError> {
    let statement = shared.statement("SELECT __.pause($1, $2)").bind(queue.as_str());
    let statement = statement.bind(clean(why).into_owned()).repeatable();
    shared.connections.rows(&statement).await.map(drop)
}

/// Ends the pause and all holds.
pub(crate) async fn resume(shared: &Shared, queue: &QueueName) -> Result<(), StoreError> {
    let statement = shared.statement("SELECT __.resume($1)").bind(queue.as_str()).repeatable();
    shared.connections.rows(&statement).await?;
    shared.notify(Changes::READY);
    Ok(())
}

/// Marks all dead letters of a key as overtaken. Returns how many were not yet marked as certainly overtaken.
pub(crate) async fn overtake(
    shared: &Shared,
    queue: &QueueName,
    key: &OrderKey,
    overtaken: Overtaken,
) -> Result<u64, StoreError> {
    let statement = shared.statement("SELECT __.overtake($1, $2, $3)").bind(queue.as_str());
    let statement = statement.bind(key.as_str()).bind(i16::from(overtaken_code(overtaken))).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    let many: i64 = rows.first().ok_or_else(|| corrupt("answer"))?.try_get(0).map_err(explain)?;
    Ok(u64::try_from(many).unwrap_or_default())
}
