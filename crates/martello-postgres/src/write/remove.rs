use std::time::Duration;

use martello_outbox::{
    Purge, StoreError,
    engine::{micros, purge_filter},
};
use sqlx::{Row, postgres::PgRow};

use super::replay::dead;
use crate::{explain::explain, shared::Shared};

/// Deletes dead letters, except protected ones.
pub(crate) async fn purge(shared: &Shared, purge: &Purge) -> Result<u64, StoreError> {
    let filter = purge_filter(purge)?;
    let (seqs, passing) = dead(&filter, "AND NOT e.kept", None);
    let statement = shared.statement(&format!("SELECT __.remove({seqs}, '{{3}}')"));
    let rows = shared.connections.rows(&passing.bind(statement)).await?;
    number(&rows)
}

/// Deletes what has been done or cancelled for longer than this, those first that have been so for longest;
/// then forgets replays that are as old and of which nothing is left.
pub(crate) async fn prune(shared: &Shared, age: Duration, limit: usize) -> Result<u64, StoreError> {
    let statement = shared.statement("SELECT __.prune($1, $2, $3)").bind(shared.now());
    let statement = statement.bind(micros(age)).bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = shared.connections.rows(&statement).await?;
    number(&rows)
}

fn number(rows: &[PgRow]) -> Result<u64, StoreError> {
    let number = rows.first().map(|row| row.try_get::<i64, _>(0)).transpose().map_err(explain)?;
    Ok(u64::try_from(number.unwrap_or_default()).unwrap_or_default())
}
