//! The delivery orders, one JSON object per line.

use serde_json::{Map, Value};

/// The id of an order, which is also the last part of its URL.
pub(crate) fn business_id(line: &str) -> Result<String, serde_json::Error> {
    #[derive(serde::Deserialize)]
    struct Named {
        business_id: String,
    }
    serde_json::from_str(line).map(|named: Named| named.business_id)
}

/// The API's check of an order.
pub(crate) fn check(body: &[u8]) -> Result<(), String> {
    let order: Map<String, Value> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if ends_after_it_starts(&order) {
        return Ok(());
    }
    Err("the delivery window ends before it starts".to_owned())
}

/// The corrected order: swaps the start and the end of its delivery window if they are reversed.
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
