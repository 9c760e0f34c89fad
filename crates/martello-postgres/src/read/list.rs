use martello_outbox::{
    Cursor, Filter, OrderKey, Page, QueueName, StoreError,
    engine::{check_list_limit, corrupt},
    store::KeyState,
};
use sqlx::Row;

use super::{entry::overview, filter::Conditions};
use crate::{explain::explain, shared::Shared};

/// The entries with their slots, as [`Conditions`] speaks of them.
macro_rules! entries {
    () => {
        "__.entry e LEFT JOIN __.slot s ON s.seq = e.seq"
    };
}

/// Entries that pass the filter, the newest first.
pub(crate) async fn list(
    shared: &Shared,
    filter: &Filter,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Page, StoreError> {
    check_list_limit(limit)?;
    let passing = Conditions::of(filter).before(after.map(|Cursor(place)| place));
    let sql = format!(
        concat!(
            "SELECT o.* FROM (SELECT e.seq FROM ",
            entries!(),
            " WHERE {} ORDER BY e.seq DESC LIMIT {}) AS page
             JOIN __.overview o ON o.seq = page.seq ORDER BY o.seq DESC"
        ),
        passing.sql,
        limit + 1
    );
    let statement = passing.bind(shared.statement(&sql)).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    let mut found = rows.iter().map(|row| overview(row, 0)).collect::<Result<Vec<_>, _>>()?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(seq, _)| Cursor(*seq));
    Ok(Page { entries: found.into_iter().map(|(_, entry)| entry).collect(), next })
}

/// How many entries pass the filter.
pub(crate) async fn count(shared: &Shared, filter: &Filter) -> Result<u64, StoreError> {
    let passing = Conditions::of(filter);
    let sql = format!(concat!("SELECT count(*) FROM ", entries!(), " WHERE {}"), passing.sql);
    let statement = passing.bind(shared.statement(&sql)).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    let count = rows.first().map(|row| row.try_get::<i64, _>(0)).transpose().map_err(explain)?;
    Ok(u64::try_from(count.unwrap_or_default()).unwrap_or_default())
}

/// What there is of this queue and key.
pub(crate) async fn key_state(
    shared: &Shared,
    queue: &QueueName,
    key: &OrderKey,
) -> Result<KeyState, StoreError> {
    let sql = "SELECT EXISTS (SELECT FROM __.entry WHERE order_key = $1 AND queue = $2 AND state = 0),
             EXISTS (SELECT FROM __.entry WHERE order_key = $1 AND queue = $2 AND state = 3)";
    let statement = shared.statement(sql).bind(key.as_str()).bind(queue.as_str()).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    let row = rows.first().ok_or_else(|| corrupt("answer"))?;
    Ok(KeyState { pending: row.try_get(0).map_err(explain)?, dead: row.try_get(1).map_err(explain)? })
}
