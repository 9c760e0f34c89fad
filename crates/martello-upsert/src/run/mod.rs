//! One run, from the first row to the last record.

mod blocked_keys;
mod build;
mod journal_handle;
mod keys;
mod upsert_run;

pub(crate) use self::{
    build::{BuildRequest, KeyBy},
    journal_handle::JournalHandle,
    upsert_run::{StopFuture, UpsertRun},
};

use bytes::Bytes;
use http::Request;
use martello_outbox::OrderKey;

use crate::state::State;

/// A row with its request, ready to be sent.
pub(crate) struct PreparedRow {
    row: u64,
    key: Option<OrderKey>,
    state: Option<State>,
    request: Request<Bytes>,
}

impl PreparedRow {
    /// About how much memory it uses while it waits, in bytes, without the size of its types.
    fn bytes(&self) -> usize {
        let headers = self.request.headers().iter();
        let headers = headers.map(|(name, value)| name.as_str().len().saturating_add(value.len()));
        let query = self.request.uri().query().map_or(0, str::len);
        let head = headers.fold(self.request.uri().path().len().saturating_add(query), usize::saturating_add);
        self.request.body().len().saturating_add(head)
    }
}
