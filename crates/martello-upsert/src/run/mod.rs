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
