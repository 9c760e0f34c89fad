use martello_outbox::{Cursor, Filter, KeyState, OrderKey, Page, QueueName, engine::check_list_limit};
use rusqlite::{params, params_from_iter};

use super::{
    entry::{read_entry, select_entry},
    filter::Conditions,
};
use crate::{fault::Fault, readers::Reader, sql};

/// Entries that pass the filter, the newest first.
pub(crate) fn list(
    reader: &Reader,
    filter: &Filter,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Page, Fault> {
    check_list_limit(limit)?;
    let mut passing = Conditions::of(filter);
    passing.add("seq < ?", after.map(|Cursor(place)| place.into()));
    let sql = format!("{} {} ORDER BY seq DESC LIMIT {}", select_entry!("WHERE"), passing.sql, limit + 1);
    let mut found = sql::all(&reader.connection, &sql, params_from_iter(&passing.values), read_entry)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(seq, _)| Cursor(*seq));
    Ok(Page { entries: found.into_iter().map(|(_, entry)| entry).collect(), next })
}

/// How many entries pass the filter.
pub(crate) fn count(reader: &Reader, filter: &Filter) -> Result<u64, Fault> {
    let passing = Conditions::of(filter);
    let sql = format!("SELECT count(*) FROM outbox WHERE {}", passing.sql);
    let count: i64 = reader
        .connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(&passing.values), |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// What there is of this queue and key.
pub(crate) fn key_state(reader: &Reader, queue: &QueueName, key: &OrderKey) -> Result<KeyState, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM outbox INDEXED BY entry_key
             WHERE order_key = ?1 AND queue = ?2 AND pending = 1),
         EXISTS (SELECT 1 FROM outbox INDEXED BY dead_key WHERE order_key = ?1 AND queue = ?2 AND state = 3)";
    let mut statement = reader.connection.prepare_cached(sql)?;
    Ok(statement.query_row(params![key.as_str(), queue.as_str()], |row| {
        Ok(KeyState { pending: row.get(0)?, dead: row.get(1)? })
    })?)
}
