use martello_outbox::StoreError;
use martello_poll::{ItemPosition, NewParked, Parked, ParkedFilter, ParkedId};
use sqlx::{Row, postgres::PgRow};

use crate::{
    fault::{corrupt, explain},
    shared::Shared,
};

/// What is parked and passes the filter, the oldest first.
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
    let after = filter.after.map_or(0, |ParkedId(id)| i64::try_from(id).unwrap_or(i64::MAX));
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let statement = shared.statement(&sql).bind(poll).bind(after).bind(limit).repeatable();
    shared.connections.rows(&statement).await?.iter().map(parked).collect()
}

fn parked(row: &PgRow) -> Result<Parked, StoreError> {
    let number = |column| row.try_get::<i64, _>(column).map_err(explain);
    let text = |column| row.try_get::<&str, _>(column).map_err(explain);
    let place = |column| u32::try_from(number(column)?).map_err(|_| corrupt("place"));
    let stamp: Option<&str> = row.try_get(6).map_err(explain)?;
    let item = NewParked {
        position: ItemPosition { page: place(2)?, item: place(3)? },
        parked_at: text(4)?.parse().map_err(|_| corrupt("moment"))?,
        key: serde_json::from_str(text(5)?).map_err(|_| corrupt("key"))?,
        stamp: stamp.map(str::parse).transpose().map_err(|_| corrupt("stamp"))?,
        reason: text(7)?.to_owned(),
        json: text(8)?.to_owned(),
    };
    let again = row.try_get(1).map_err(explain)?;
    Ok(Parked { id: ParkedId(number(0)?.cast_unsigned()), item, redeliver: again })
}

/// Has these delivered again, and tells how many of them are parked.
pub(super) async fn redeliver(shared: &Shared, poll: &str, ids: &[ParkedId]) -> Result<u64, StoreError> {
    let sql = "UPDATE __.parked SET again = true FROM __.begin_write(NULL)
         WHERE poll = $1 AND id = ANY ($2) RETURNING 1";
    let statement = shared.statement(sql).bind(poll).bind(numbers(ids)).repeatable();
    Ok(count(&shared.connections.rows(&statement).await?))
}

/// Forgets these, and tells how many of them were parked: not by itself a second time, which would find none.
pub(super) async fn discard(shared: &Shared, poll: &str, ids: &[ParkedId]) -> Result<u64, StoreError> {
    let sql = "DELETE FROM __.parked USING __.begin_write(NULL)
         WHERE poll = $1 AND id = ANY ($2) RETURNING 1";
    let statement = shared.statement(sql).bind(poll).bind(numbers(ids));
    Ok(count(&shared.connections.rows(&statement).await?))
}

fn count(rows: &[PgRow]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}

/// Those that there can be.
pub(super) fn numbers(ids: &[ParkedId]) -> Vec<i64> {
    ids.iter().filter_map(|ParkedId(id)| i64::try_from(*id).ok()).collect()
}
