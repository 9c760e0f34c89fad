//! The state of the server. One lock guards all of it, so that its numbers are consistent.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Uri};
use tokio::{net::TcpStream, sync::watch};

use super::{Received, Reply};

/// The most requests that are kept, the newest ones.
const MAX_REQUESTS: usize = 10_000;
/// The most bytes of their bodies that are kept.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// How long a wait lasts at most by default.
pub(super) const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Handler = Box<dyn FnMut(&Received) -> Reply + Send>;

/// The state that the server and its connections share.
pub(super) struct Shared {
    pub(super) state: watch::Sender<ServerState>,
    handler: Mutex<Handler>,
}

#[derive(Default)]
pub(super) struct ServerState {
    /// How long a wait lasts at most, if set.
    pub(super) wait_timeout: Option<Duration>,
    pub(super) connections: usize,
    pub(super) received: usize,
    /// The requests in flight, by their number in the order of arrival.
    pub(super) in_flight: BTreeMap<usize, (Method, Uri)>,
    pub(super) most_in_flight: usize,
    pub(super) script: VecDeque<Reply>,
    pub(super) requests: VecDeque<Received>,
    body_bytes: usize,
}

impl Shared {
    pub(super) fn new(handler: Handler) -> Self {
        Self { state: watch::Sender::new(ServerState::default()), handler: Mutex::new(handler) }
    }

    pub(super) fn wait_timeout(&self) -> Duration {
        self.state.borrow().wait_timeout.unwrap_or(WAIT_TIMEOUT)
    }

    /// Counts a connection and returns its number.
    pub(super) fn connected(&self) -> usize {
        let mut number = 0;
        self.state.send_modify(|state| {
            state.connections += 1;
            number = state.connections;
        });
        number
    }

    /// Records a request whose head has arrived, sets its number, and takes the next scripted reply.
    pub(super) fn arrived(self: &Arc<Self>, request: &mut Received) -> (InFlight, Option<Reply>) {
        let mut reply = None;
        self.state.send_modify(|state| {
            state.received += 1;
            request.sequence = state.received;
            state.in_flight.insert(request.sequence, (request.method.clone(), request.uri.clone()));
            state.most_in_flight = state.most_in_flight.max(state.in_flight.len());
            reply = state.script.pop_front();
            state.requests.push_back(request.clone());
            state.drop_oldest();
        });
        (InFlight { shared: Arc::clone(self), sequence: request.sequence, counted: true }, reply)
    }

    /// Adds the body that was read to the record of a request.
    pub(super) fn body_read(&self, request: &Received) {
        self.state.send_modify(|state| {
            let mut newest_first = state.requests.iter_mut().rev();
            if let Some(record) = newest_first.find(|record| record.sequence == request.sequence) {
                state.body_bytes += request.body.len();
                record.clone_from(request);
            }
            state.drop_oldest();
        });
    }

    pub(super) fn handle(&self, request: &Received) -> Reply {
        let mut handler = self.handler.lock().unwrap_or_else(PoisonError::into_inner);
        handler(request)
    }
}

impl ServerState {
    fn drop_oldest(&mut self) {
        while self.requests.len() > MAX_REQUESTS || self.body_bytes > MAX_BODY_BYTES {
            let Some(oldest) = self.requests.pop_front() else {
                return;
            };
            self.body_bytes = self.body_bytes.saturating_sub(oldest.body.len());
        }
    }
}

/// A request in flight. It counts until it is finished or dropped.
pub(super) struct InFlight {
    shared: Arc<Shared>,
    sequence: usize,
    counted: bool,
}

impl InFlight {
    /// Writes the last bytes of a response, and ends the request in the count at the same moment.
    ///
    /// The lock is held during the (non-blocking) write. So if a client starts another request after the end
    /// of this response, the server never counts both as in flight.
    pub(super) async fn finish(&mut self, stream: &TcpStream, mut last: Bytes) -> io::Result<()> {
        while !last.is_empty() {
            stream.writable().await?;
            let mut written = Ok(0);
            self.shared.state.send_if_modified(|state| {
                written = stream.try_write(&last);
                let finished = matches!(written, Ok(n) if n == last.len());
                if finished {
                    state.in_flight.remove(&self.sequence);
                    self.counted = false;
                }
                finished
            });
            match written {
                Ok(n) => drop(last.split_to(n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.counted {
            self.shared.state.send_modify(|state| {
                state.in_flight.remove(&self.sequence);
            });
        }
    }
}
