use martello_outbox::{
    StoreError,
    engine::{Columns as _, corrupt},
};
use martello_poll::{
    ItemPosition, NewParked, Parked, ParkedFilter, ParkedId,
    engine::{list_bounds, parked_ids},
};
use sqlx::postgres::PgRow;

use crate::{read::Columns, shared::Shared};

/// Lists the parked items that pass the filter, oldest first.
pub(super) async fn list(
    shared: &Shared,
    poll: &str,
    filter: ParkedFilter,
) -> Result<Vec<Parked>, StoreError> {
    let again = if filter.redeliver { "AND again" } else { "" };
    let sql = format!(
        "SELECT id, again, page, item, parked_at, key, stamp, reason, json FROM __.parked
         WHERE poll = $1 AND id > $2 {again} ORDER BY id LIMIT $3"
    );
    let (after, limit) = list_bounds(&filter);
    let statement = shared.statement(&sql).bind(poll).bind(after).bind(limit).repeatable();
    shared.connections.rows(&statement).await?.iter().map(parked).collect()
}

fn parked(row: &PgRow) -> Result<Parked, StoreError> {
    let mut columns = Columns::new(row, 0);
    let (id, again) = (columns.get::<i64>()?.cast_unsigned(), columns.flag()?);
    let item = NewParked {
        position: ItemPosition { page: columns.number("position")?, item: columns.number("position")? },
        parked_at: columns.parsed("time")?,
        key: serde_json::from_str(columns.get()?).map_err(|_| corrupt("key"))?,
        stamp: columns.parsed_or_null("time")?,
        reason: columns.get()?,
        json: columns.get()?,
    };
    Ok(Parked { id: ParkedId(id), item, redeliver: again })
}

/// Marks these items for delivery again. Returns how many of them are parked.
pub(super) async fn redeliver(shared: &Shared, poll: &str, ids: &[ParkedId]) -> Result<u64, StoreError> {
    let sql = "UPDATE __.parked SET again = true FROM __.begin_write(NULL)
         WHERE poll = $1 AND id = ANY ($2) RETURNING 1";
    let statement = shared.statement(sql).bind(poll).bind(parked_ids(ids)).repeatable();
    Ok(count(&shared.connections.rows(&statement).await?))
}

/// Deletes these items, and returns how many of them were parked. The statement is not repeatable: the second
/// execution would find none.
pub(super) async fn discard(shared: &Shared, poll: &str, ids: &[ParkedId]) -> Result<u64, StoreError> {
    let sql = "DELETE FROM __.parked USING __.begin_write(NULL)
         WHERE poll = $1 AND id = ANY ($2) RETURNING 1";
    let statement = shared.statement(sql).bind(poll).bind(parked_ids(ids));
    Ok(count(&shared.connections.rows(&statement).await?))
}

fn count(rows: &[PgRow]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}
