//! One run, from the first row to the last record.

mod driver;
mod held;
mod keys;
mod ledger;
mod make;

pub(crate) use self::{
    driver::{Driver, Stop},
    ledger::Ledger,
    make::{KeyBy, Make},
};

use bytes::Bytes;
use http::Request;
use martello_outbox::OrderKey;

use crate::state::State;

/// An entity as it goes on its way.
pub(crate) struct Job {
    row: u64,
    key: Option<OrderKey>,
    state: Option<State>,
    request: Request<Bytes>,
}

impl Job {
    /// How much memory it takes while it waits, in bytes: about, without what its types take.
    fn bytes(&self) -> usize {
        let headers = self.request.headers().iter();
        let headers = headers.map(|(name, value)| name.as_str().len().saturating_add(value.len()));
        let query = self.request.uri().query().map_or(0, str::len);
        let head = headers.fold(self.request.uri().path().len().saturating_add(query), usize::saturating_add);
        self.request.body().len().saturating_add(head)
    }
}
