use std::collections::VecDeque;

use http::Method;

/// One request that the planner has received, and its response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// Its number among all requests, from 1.
    pub number: u64,
    /// The `Trackingid` of the response.
    pub tracking_id: String,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The status; `None` if the connection was reset instead.
    pub status: Option<u16>,
    /// Whether the planner performed the request, whatever the status.
    pub performed: bool,
}

/// How many exchanges are kept, the newest ones.
const MAX_EXCHANGES: usize = 100_000;

#[derive(Default)]
pub(crate) struct Exchanges(VecDeque<Exchange>);

impl Exchanges {
    pub(crate) fn add(&mut self, exchange: Exchange) {
        if self.0.len() == MAX_EXCHANGES {
            self.0.pop_front();
        }
        self.0.push_back(exchange);
    }

    pub(crate) fn all(&self) -> Vec<Exchange> {
        self.0.iter().cloned().collect()
    }
}
