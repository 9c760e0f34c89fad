//! What the server has seen. One lock guards it all, so that its numbers agree with each other.

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

/// So many requests are remembered, the newest ones.
const MAX_REQUESTS: usize = 10_000;
/// So many bytes of their bodies are remembered.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// How long a wait of a test lasts at most, by default.
pub(super) const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Handler = Box<dyn FnMut(&Received) -> Reply + Send>;

/// What the server and its connections share.
pub(super) struct Shared {
    pub(super) state: watch::Sender<ServerState>,
    handler: Mutex<Handler>,
}

#[derive(Default)]
pub(super) struct ServerState {
    /// How long who waits for something waits at most, where that is not the default.
    pub(super) wait_timeout: Option<Duration>,
    pub(super) connections: usize,
    pub(super) received: usize,
    /// Those in flight, by their place in the order of arrival.
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

    /// Records a request whose head has arrived, gives it its number, and takes the next scripted reply for it.
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

    /// Completes the record of a request with what was read of its body.
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

/// One request in flight; counted until it is finished or dropped.
pub(super) struct InFlight {
    shared: Arc<Shared>,
    sequence: usize,
    counted: bool,
}

impl InFlight {
    /// Writes the last bytes of a response, and counts the request out in the same instant.
    ///
    /// The lock is held across the (non-blocking) write: a client that has seen the end of this response cannot have
    /// its next request counted before this one is counted out.
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
