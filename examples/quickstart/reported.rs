//! The attempts that were reported for each order, to compare them with the API's own records.

use std::collections::BTreeMap;

use martello::{outbox::AttemptRecord, upsert::Record};
use martello_planner::{Exchange, Planner};
use serde_json::Value;

use crate::order;

/// The reported attempts of each order, by the path of its URL.
#[derive(Default)]
pub(crate) struct ReportedAttempts(BTreeMap<String, Attempts>);

#[derive(Debug, Default, PartialEq)]
struct Attempts {
    count: usize,
    /// Those of the attempts that got a response.
    tracking_ids: Vec<String>,
}

impl ReportedAttempts {
    /// Records the attempts of an order that was written at once.
    pub(crate) fn written(&mut self, business_id: &str, record: &Record) {
        let count = usize::try_from(record.attempts).unwrap_or(usize::MAX);
        let tracking_ids = record.tracking_ids.iter().map(ToString::to_string).collect();
        self.0.insert(format!("/orders/{business_id}"), Attempts { count, tracking_ids });
    }

    /// Records the attempts of an order from the outbox. After a correction, replaces the earlier record.
    pub(crate) fn delivered(&mut self, business_id: &str, attempts: &[AttemptRecord]) {
        let ids = attempts.iter().filter_map(|attempt| attempt.tracking_id.as_ref());
        let tracking_ids = ids.map(ToString::to_string).collect();
        self.0.insert(format!("/orders/{business_id}"), Attempts { count: attempts.len(), tracking_ids });
    }

    /// The differences between the API's records and the reported attempts. Empty if there are none.
    pub(crate) fn differences(&self, planner: &Planner, orders: &[&str]) -> Vec<String> {
        let json = |text: &[u8]| serde_json::from_slice::<Value>(text).ok();
        // Both lists are sorted by id.
        let held: Vec<_> = planner.entities().values().map(|entity| json(&entity.body)).collect();
        let meant = orders.iter().map(|line| order::corrected(line).ok());
        let meant: Vec<_> = meant.map(|line| line.and_then(|line| json(line.as_bytes()))).collect();
        let mut wrong = Vec::new();
        if held != meant {
            wrong.push(format!(
                "the API stores {} orders, which are not the expected {} orders",
                held.len(),
                meant.len()
            ));
        }
        let most = planner.most_in_flight();
        if most > 5 {
            wrong.push(format!("{most} requests were in flight at once"));
        }
        let log = log(&planner.exchanges());
        for path in log.keys().chain(self.0.keys()) {
            let (logged, known) = (log.get(path), self.0.get(path));
            if logged != known {
                wrong.push(format!("{path}: the API received {logged:?}, but {known:?} was reported"));
            }
        }
        wrong
    }
}

/// The API's log of the orders. It leaves out the ids of requests whose connection was lost, because the
/// caller never received them.
fn log(exchanges: &[Exchange]) -> BTreeMap<String, Attempts> {
    let mut log: BTreeMap<String, Attempts> = BTreeMap::new();
    for exchange in exchanges {
        let attempts = log.entry(exchange.path.clone()).or_default();
        attempts.count += 1;
        attempts.tracking_ids.extend(exchange.status.map(|_| exchange.tracking_id.clone()));
    }
    log
}
