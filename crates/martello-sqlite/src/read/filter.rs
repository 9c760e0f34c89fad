use martello_outbox::{
    Filter, State,
    engine::{ceil_micros, state_code},
};
use rusqlite::types::Value;

/// A filter as the conditions of a query. Their text depends only on which are set, so that queries can be kept.
pub(crate) struct Conditions {
    /// As `a AND b`.
    pub(crate) sql: String,
    /// What is bound to them, from `?1` on.
    pub(crate) values: Vec<Value>,
}

impl Conditions {
    /// What passes the filter.
    pub(crate) fn of(filter: &Filter) -> Self {
        let mut of = Self { sql: String::from("1"), values: Vec::new() };
        if let Some(state) = filter.state {
            // Spelt out, and not bound: an index that is only about dead letters is not thought of otherwise.
            of.sql.push_str(&format!(" AND state = {}", state_code(state)));
        }
        let text = |text: Option<&str>| text.map(|text| Value::from(text.to_owned()));
        of.add("id = ?", filter.id.map(|id| id.as_bytes().to_vec().into()));
        of.add("queue = ?", text(filter.queue.as_ref().map(martello_outbox::QueueName::as_str)));
        of.add("reason = ?", text(filter.reason.map(martello_outbox::Reason::as_str)));
        of.add("host = ?", filter.host.as_ref().map(|host| host.to_ascii_lowercase().into()));
        of.add("last_status = ?", filter.status.map(|status| i64::from(status).into()));
        of.add("last_outcome = ?", text(filter.outcome.as_deref()));
        of.add("order_key = ?", text(filter.order_key.as_ref().map(martello_outbox::OrderKey::as_str)));
        of.add("job = ?", filter.job.map(|job| job.as_bytes().to_vec().into()));
        of.add("changed_at >= ?", filter.changed_since.map(|time| ceil_micros(time).into()));
        of.add("changed_at < ?", filter.changed_before.map(|time| ceil_micros(time).into()));
        // There are few dead letters, and many attempts.
        let tracked = match filter.state {
            Some(State::Dead) => {
                "EXISTS (SELECT 1 FROM attempt WHERE attempt.entry = seq AND tracking_id = ?)"
            }
            _ => "seq IN (SELECT attempt.entry FROM attempt WHERE tracking_id = ?)",
        };
        of.add(tracked, text(filter.tracking_id.as_deref()));
        of
    }

    /// One more condition, with one more value.
    pub(crate) fn add(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.values.push(value);
            self.sql.push_str(" AND ");
            self.sql.push_str(&condition.replace('?', &format!("?{}", self.values.len())));
        }
    }
}
