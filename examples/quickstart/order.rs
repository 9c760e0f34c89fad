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

/// What the API thinks of an order.
pub(crate) fn check(body: &[u8]) -> Result<(), String> {
    let order: Map<String, Value> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if ends_after_it_starts(&order) {
        return Ok(());
    }
    Err("the delivery window ends before it starts".to_owned())
}

/// The order as it was meant: whoever wrote it has mixed up the ends of its delivery window.
pub(crate) fn corrected(line: &str) -> Result<String, serde_json::Error> {
    let mut order: Map<String, Value> = serde_json::from_str(line)?;
    if !ends_after_it_starts(&order) {
        let (from, until) = (order.remove("from"), order.remove("until"));
        order.insert("from".to_owned(), until.unwrap_or_default());
        order.insert("until".to_owned(), from.unwrap_or_default());
    }
    serde_json::to_string(&order)
}

fn ends_after_it_starts(order: &Map<String, Value>) -> bool {
    let time = |name| order.get(name).and_then(Value::as_str);
    time("from") < time("until")
}
