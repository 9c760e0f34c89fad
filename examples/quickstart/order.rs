//! What is written: delivery orders, one per line.

use serde_json::{Map, Value};

/// The name that an order goes by, and the last part of its URL.
pub(crate) fn business_id(line: &str) -> Result<String, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Named {
        business_id: String,
    }
    serde_json::from_str(line).map(|named: Named| named.business_id)
}

/// Whether its delivery window ends after it starts: the planner refuses any other.
pub(crate) fn is_right(line: &str) -> bool {
    let order: Option<Map<String, Value>> = serde_json::from_str(line).ok();
    let time = |order: &Map<String, Value>, name| order.get(name).and_then(Value::as_str).map(str::to_owned);
    order.is_some_and(|order| time(&order, "from") < time(&order, "until"))
}

/// The order as it was meant: whoever wrote it has mixed up the ends of its delivery window.
pub(crate) fn corrected(line: &str) -> Result<String, serde_json::Error> {
    let mut order: Map<String, Value> = serde_json::from_str(line)?;
    if !is_right(line) {
        let (from, until) = (order.remove("from"), order.remove("until"));
        order.insert("from".to_owned(), until.unwrap_or_default());
        order.insert("until".to_owned(), from.unwrap_or_default());
    }
    serde_json::to_string(&order)
}
