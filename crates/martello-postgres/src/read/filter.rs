use martello_outbox::{Filter, State, engine::ceil_micros};

use crate::{id::Id, statement::Statement};

/// A filter as the SQL conditions of a query on the entries `e` and their slots `s`. The SQL text depends
/// only on which fields are set, so prepared statements can be reused.
pub(crate) struct Conditions {
    /// Conditions of the form `a AND b`.
    pub(crate) sql: String,
    values: Vec<Value>,
}

enum Value {
    Text(String),
    Number(i64),
    Status(i16),
    Id(Id),
}

impl Conditions {
    /// The conditions for the entries that pass the filter.
    pub(crate) fn of(filter: &Filter) -> Self {
        let mut of = Self { sql: String::from("true"), values: Vec::new() };
        // The state is in the SQL text and not bound: the planner uses a partial index only if it sees the
        // constant.
        match filter.state {
            None => {}
            Some(State::Ready) => of.sql.push_str(" AND e.state = 0 AND s.seq IS NULL"),
            Some(State::Leased) => of.sql.push_str(" AND s.seq IS NOT NULL"),
            Some(State::Done) => of.sql.push_str(" AND e.state = 2"),
            Some(State::Dead) => of.sql.push_str(" AND e.state = 3"),
            Some(State::Cancelled) => of.sql.push_str(" AND e.state = 4"),
        }
        let text = |text: Option<&str>| text.map(|text| Value::Text(crate::write::clean(text).into_owned()));
        of.add("e.id = ?", filter.id.map(|id| Value::Id(Id(*id.as_bytes()))));
        of.add("e.queue = ?", text(filter.queue.as_ref().map(martello_outbox::QueueName::as_str)));
        of.add("e.reason = ?", text(filter.reason.map(martello_outbox::Reason::as_str)));
        of.add("e.host = ?", text(filter.host.as_ref().map(|host| host.to_ascii_lowercase()).as_deref()));
        of.add(
            "e.last_status = ?",
            filter.status.map(|status| Value::Status(i16::try_from(status).unwrap_or(-1))),
        );
        of.add("e.last_outcome = ?", text(filter.outcome.as_deref()));
        of.add("e.order_key = ?", text(filter.order_key.as_ref().map(martello_outbox::OrderKey::as_str)));
        of.add("e.job = ?", filter.job.map(|job| Value::Id(Id(*job.as_bytes()))));
        let changed_at = match filter.state {
            Some(State::Dead | State::Done | State::Cancelled) => "e.changed_at",
            _ => "coalesce(s.since, e.changed_at)",
        };
        of.add(
            &format!("{changed_at} >= ?"),
            filter.changed_since.map(|time| Value::Number(ceil_micros(time))),
        );
        of.add(
            &format!("{changed_at} < ?"),
            filter.changed_before.map(|time| Value::Number(ceil_micros(time))),
        );
        of.add(
            "e.seq IN (SELECT a.entry FROM __.attempt a WHERE a.tracking_id = ?)",
            text(filter.tracking_id.as_deref()),
        );
        of
    }

    /// Restricts the conditions to entries that are older than this position.
    pub(crate) fn before(mut self, place: Option<i64>) -> Self {
        self.add("e.seq < ?", place.map(Value::Number));
        self
    }

    fn add(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            self.sql.push_str(" AND ");
            self.sql.push_str(&condition.replace('?', &format!("${}", self.values.len())));
        }
    }

    /// The number of bound values. The next parameter has the number after it.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn bind(self, mut statement: Statement) -> Statement {
        for value in self.values {
            match value {
                Value::Text(text) => statement.push(text),
                Value::Number(number) => statement.push(number),
                Value::Status(status) => statement.push(status),
                Value::Id(id) => statement.push(id),
            }
        }
        statement
    }
}
