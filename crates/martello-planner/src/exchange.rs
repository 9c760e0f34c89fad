use std::collections::VecDeque;

use http::Method;

/// One request that the planner has received, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// Its place among all requests, from 1.
    pub number: u64,
    /// The planner's name for it, which is in the answer's `Trackingid`.
    pub tracking_id: String,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The status that was answered; `None` if the connection was reset instead.
    pub status: Option<u16>,
    /// Whether the planner did what it was asked for, whatever it answered.
    pub performed: bool,
}

/// So many are remembered, the newest ones.
const MOST: usize = 100_000;

#[derive(Default)]
pub(crate) struct Exchanges(VecDeque<Exchange>);

impl Exchanges {
    pub(crate) fn add(&mut self, exchange: Exchange) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(exchange);
    }

    pub(crate) fn all(&self) -> Vec<Exchange> {
        self.0.iter().cloned().collect()
    }
}
