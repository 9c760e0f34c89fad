//! The API that the children call. It replies at random, and records which process made which attempt.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use martello_testkit::{Received, Reply, Server};
use tokio::time::Instant;

use crate::roles::SIGNATURE;

/// The status for a request that may be accepted when it is sent again.
pub(crate) const REFUSED: u16 = 422;
/// The status for a request that is never accepted.
const POISON: u16 = 410;

/// A request that the server has read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) key: String,
    pub(crate) process: String,
    pub(crate) attempt: u32,
    pub(crate) status: u16,
    /// When the response is sent.
    pub(crate) answered: Instant,
}

impl Receipt {
    pub(crate) fn accepted(&self) -> bool {
        self.status == 201
    }
}

/// The requests that the server received, and how it replies. Clones share both.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestApi {
    receipts: Arc<Mutex<Vec<Receipt>>>,
    accepting: Arc<AtomicBool>,
}

impl TestApi {
    /// Starts the server. It delays its replies by a random number of milliseconds in this range, so that
    /// some kills hit a request in flight.
    pub(crate) async fn serve(&self, delays: std::ops::Range<u64>, seed: u64) -> Server {
        let api = self.clone();
        let mut random = fastrand::Rng::with_seed(seed);
        Server::with(move |request| {
            let delay = Duration::from_millis(random.u64(delays.clone()));
            let receipt = api.receipt(request, random.u8(..10), delay);
            let reply = Reply::status(receipt.status).delay(delay);
            api.receipts.lock().unwrap().push(receipt);
            reply
        })
        .await
        .unwrap()
    }

    /// Accepts every request from now on, except poison.
    pub(crate) fn accept_all(&self) {
        self.accepting.store(true, Ordering::SeqCst);
    }

    /// A process that waits for a response, if there is one.
    pub(crate) fn waiting(&self) -> Option<String> {
        let (receipts, now) = (self.receipts.lock().unwrap(), Instant::now());
        receipts.iter().rev().find(|receipt| receipt.answered > now).map(|receipt| receipt.process.clone())
    }

    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        self.receipts.lock().unwrap().clone()
    }

    fn receipt(&self, request: &Received, draw: u8, delay: Duration) -> Receipt {
        let header = |name| {
            request.header(name).unwrap_or_else(|| panic!("a request has no header {name}")).to_owned()
        };
        let key = header("idempotency-key");
        let status = match draw {
            _ if is_poison(&key) => POISON,
            _ if self.accepting.load(Ordering::SeqCst) => 201,
            0..2 => 503,
            2..4 => REFUSED,
            _ => 201,
        };
        let (process, attempt) = (header(SIGNATURE.0), header(SIGNATURE.1).parse().unwrap());
        Receipt { key, process, attempt, status, answered: Instant::now() + delay }
    }
}

/// Whether the server never accepts a request with this key.
pub(crate) fn is_poison(key: &str) -> bool {
    key.ends_with("-poison")
}
