use std::time::Duration;

use martello_outbox::{
    StoreError,
    engine::{corrupt, micros},
};
use martello_poll::{
    Acquired, Fence, Held,
    engine::{checkpoint_from_json, fence_from_integer, fence_to_integer},
};
use sqlx::Row;

use crate::{explain::explain, shared::Shared};

/// Acquires the checkpoint, unless another poller holds it. Fences are random, as in the outbox: after a
/// restore from a backup, a counter would issue some fences a second time.
///
/// The statement is not repeatable: the second execution would find the lease of the first.
pub(super) async fn acquire(shared: &Shared, poll: &str, lease: Duration) -> Result<Acquired, StoreError> {
    let sql = "INSERT INTO __.checkpoint AS c (poll, fence, lease_until)
             SELECT $2, hashtextextended(gen_random_uuid()::text, 0), __.after(began, $3)
             FROM __.begin_write($1) AS began
         ON CONFLICT (poll) DO UPDATE SET fence = excluded.fence, lease_until = excluded.lease_until
             WHERE c.fence IS NULL OR c.lease_until <= __.moment($1)
         RETURNING fence, saved";
    let statement = shared.statement(sql).bind(shared.now()).bind(poll).bind(micros(lease));
    let rows = shared.connections.rows(&statement).await?;
    let Some(row) = rows.first() else { return Ok(Acquired::HeldElsewhere) };
    let fence = fence_from_integer(row.try_get(0).map_err(explain)?);
    let saved: Option<&str> = row.try_get(1).map_err(explain)?;
    let parse = |json| checkpoint_from_json(json).ok_or_else(|| corrupt("checkpoint"));
    let checkpoint = saved.map(parse).transpose()?;
    Ok(Acquired::Held(Held { fence, checkpoint }))
}

/// Extends the lease to this long from now. Returns whether the fence still held the checkpoint.
pub(super) async fn renew(
    shared: &Shared,
    poll: &str,
    fence: Fence,
    lease: Duration,
) -> Result<bool, StoreError> {
    let sql = "UPDATE __.checkpoint SET lease_until = __.after(began, $2) FROM __.begin_write($1) AS began
         WHERE poll = $3 AND fence = $4 RETURNING 1";
    let statement = shared.statement(sql).bind(shared.now()).bind(micros(lease));
    let statement = statement.bind(poll).bind(fence_to_integer(fence)).repeatable();
    Ok(!shared.connections.rows(&statement).await?.is_empty())
}

/// Releases the checkpoint, if the fence still holds it.
pub(super) async fn release(shared: &Shared, poll: &str, fence: Fence) -> Result<(), StoreError> {
    let sql = "UPDATE __.checkpoint SET fence = NULL, lease_until = NULL FROM __.begin_write(NULL)
         WHERE poll = $1 AND fence = $2";
    let statement = shared.statement(sql).bind(poll).bind(fence_to_integer(fence)).repeatable();
    shared.connections.rows(&statement).await.map(drop)
}
