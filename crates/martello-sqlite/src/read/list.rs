use martello_outbox::{
    Cursor, Filter, OrderKey, Page, QueueName, State,
    engine::{ceil_micros, check_list_limit, state_code},
    store::KeyState,
};
use rusqlite::{params, params_from_iter, types::Value};

use super::entry::{read_entry, select_entry};
use crate::{fault::Fault, readers::Reader, sql};

/// Lists the entries that pass the filter, newest first.
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

/// Counts the entries that pass the filter.
pub(crate) fn count(reader: &Reader, filter: &Filter) -> Result<u64, Fault> {
    let passing = Conditions::of(filter);
    let sql = format!("SELECT count(*) FROM outbox WHERE {}", passing.sql);
    let count: i64 = reader
        .connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(&passing.values), |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Whether the queue has pending entries and dead letters of this key.
pub(crate) fn key_state(reader: &Reader, queue: &QueueName, key: &OrderKey) -> Result<KeyState, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM outbox INDEXED BY entry_key
             WHERE order_key = ?1 AND queue = ?2 AND pending = 1),
         EXISTS (SELECT 1 FROM outbox INDEXED BY dead_key WHERE order_key = ?1 AND queue = ?2 AND state = 3)";
    let mut statement = reader.connection.prepare_cached(sql)?;
    Ok(statement.query_row(params![key.as_str(), queue.as_str()], |row| {
        Ok(KeyState { pending: row.get(0)?, dead: row.get(1)? })
    })?)
}

/// A filter as the conditions of a query. The text depends only on which conditions are set, so that SQLite
/// can keep the statement prepared.
pub(crate) struct Conditions {
    /// As `a AND b`.
    pub(crate) sql: String,
    /// The values bound to the conditions, from `?1` on.
    pub(crate) values: Vec<Value>,
}

impl Conditions {
    /// The conditions of this filter.
    pub(crate) fn of(filter: &Filter) -> Self {
        let mut of = Self { sql: String::from("1"), values: Vec::new() };
        if let Some(state) = filter.state {
            // A literal, not bound: SQLite uses the indexes of dead letters only for a literal state.
            of.sql.push_str(&format!(" AND state = {}", state_code(state)));
        }
        let text = |text: Option<&str>| text.map(|text| Value::from(text.to_owned()));
        of.add("id = ?", filter.id.map(|id| id.as_bytes().to_vec().into()));
        of.add("queue = ?", text(filter.queue.as_ref().map(QueueName::as_str)));
        of.add("reason = ?", text(filter.reason.map(martello_outbox::Reason::as_str)));
        of.add("host = ?", filter.host.as_ref().map(|host| host.to_ascii_lowercase().into()));
        of.add("last_status = ?", filter.status.map(|status| i64::from(status).into()));
        of.add("last_outcome = ?", text(filter.outcome.as_deref()));
        of.add("order_key = ?", text(filter.order_key.as_ref().map(OrderKey::as_str)));
        of.add("job = ?", filter.job.map(|job| job.as_bytes().to_vec().into()));
        of.add("changed_at >= ?", filter.changed_since.map(|time| ceil_micros(time).into()));
        of.add("changed_at < ?", filter.changed_before.map(|time| ceil_micros(time).into()));
        // There are few dead letters and many attempts.
        let tracked = match filter.state {
            Some(State::Dead) => {
                "EXISTS (SELECT 1 FROM attempt WHERE attempt.entry = seq AND tracking_id = ?)"
            }
            _ => "seq IN (SELECT attempt.entry FROM attempt WHERE tracking_id = ?)",
        };
        of.add(tracked, text(filter.tracking_id.as_deref()));
        of
    }

    /// Adds a condition with one value, if there is a value.
    pub(crate) fn add(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            self.sql.push_str(" AND ");
            self.sql.push_str(&condition.replace('?', &format!("?{}", self.values.len())));
        }
    }
}
