//! A scripted HTTP/1.1 server on a real socket.

mod connection;
mod received;
mod refused;
mod reply;
mod request;
mod response;
mod state;
mod wait;
mod wire;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    panic::Location,
    sync::Arc,
    time::Duration,
};

use http::Uri;
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

pub use self::{received::Received, refused::Refused, reply::Reply};
use self::{
    state::{ServerState, Shared},
    wait::{WaitTimedOut, within},
};

/// A scripted HTTP/1.1 server on a loopback socket.
///
/// Each request takes the next scripted [`Reply`], first in, first out. Without one, the handler replies,
/// which can keep state; without a handler, the reply is an empty 200.
///
/// The value owns the server: dropping it closes the port and every connection, at the runtime's next turn;
/// [`stop`](Self::stop) waits for that. The server needs a tokio runtime with I/O and time. Its delays are
/// tokio's: under a paused clock they pass as soon as the runtime is idle, and a runtime that waits for a
/// socket counts as idle, so tests with real sockets let the clock run.
///
/// It keeps the latest 10,000 requests, with at most 64 MiB of bodies; the counts have no limit. It replies
/// 431 to a head of more than 64 KiB, and 413 to a body of more than 16 MiB.
///
/// [`received`](Self::received), [`idle`](Self::idle) and [`stop`](Self::stop) panic instead of waiting for
/// ever: such a test fails within [`WAIT_TIMEOUT`](Self::WAIT_TIMEOUT), and says what came until then. They
/// count by the machine's clock, also where tokio's is paused.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    accepting: JoinSet<()>,
}

impl Server {
    /// How long [`received`](Self::received), [`idle`](Self::idle) and [`stop`](Self::stop) wait, unless
    /// [`set_wait_timeout`](Self::set_wait_timeout) sets another time. 10 s is more than a test on a busy
    /// machine takes, and short enough to notice a test that hangs.
    pub const WAIT_TIMEOUT: Duration = state::WAIT_TIMEOUT;

    /// Starts a server on a free port of 127.0.0.1 that replies 200 with an empty body by default.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::with(|_| Reply::ok()).await
    }

    /// Starts a server on a free port of 127.0.0.1 whose handler replies to each request without a scripted
    /// reply.
    ///
    /// The handler is called once the request's body has been read, for one request at a time, in no
    /// particular order between connections. If it panics, the connection closes.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn with(handler: impl FnMut(&Received) -> Reply + Send + 'static) -> io::Result<Self> {
        Self::bind(any_port(), handler).await
    }

    /// Starts a server like [`with`](Self::with) on this address; so an outage can end on the port on which
    /// it began.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(
        address: SocketAddr,
        handler: impl FnMut(&Received) -> Reply + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(Box::new(handler)));
        let (stop, stopped) = oneshot::channel();
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared), stopped));
        Ok(Self { address, shared, stop, accepting })
    }

    /// A port that refuses connections.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn refused() -> io::Result<Refused> {
        Refused::bind()
    }

    /// Stops listening, closes every connection, and returns after that.
    ///
    /// # Panics
    ///
    /// When that takes longer than [`WAIT_TIMEOUT`](Self::WAIT_TIMEOUT) or what was
    /// [set](Self::set_wait_timeout), because the handler does not return. On a runtime of one thread such a
    /// handler keeps this from returning, too.
    #[track_caller]
    pub fn stop(mut self) -> impl Future<Output = ()> {
        let caller = Location::caller();
        async move {
            drop(self.stop);
            let wait_timeout = self.shared.wait_timeout();
            let stopping = async { while self.accepting.join_next().await.is_some() {} };
            if within(wait_timeout, stopping).await.is_none() {
                let timed_out = WaitTimedOut::stopping(&self.shared.state.borrow(), wait_timeout);
                timed_out.fail(caller);
            }
        }
    }

    /// Lets [`received`](Self::received), [`idle`](Self::idle) and [`stop`](Self::stop) wait so long from now
    /// on, instead of [`WAIT_TIMEOUT`](Self::WAIT_TIMEOUT): longer for requests that come late, such as those
    /// of a process that has yet to start.
    pub fn set_wait_timeout(&self, wait_timeout: Duration) {
        self.shared.state.send_modify(|state| state.wait_timeout = Some(wait_timeout));
    }

    /// Scripts the reply to the next request for which none is scripted yet.
    pub fn reply(&self, reply: Reply) {
        self.replies([reply]);
    }

    /// Scripts the replies to the next requests, in this order.
    pub fn replies(&self, replies: impl IntoIterator<Item = Reply>) {
        let replies: Vec<_> = replies.into_iter().collect();
        self.shared.state.send_modify(|state| state.script.extend(replies));
    }

    /// The address on which the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An `http` URI of this server. `path` may have a query; what a URI does not allow is percent-encoded.
    ///
    /// A path is cut where the URI would come to more than 65,534 bytes, the most that [`Uri`] holds.
    #[must_use]
    pub fn uri(&self, path: &str) -> Uri {
        uri(self.address, path)
    }

    /// The requests so far, in the order in which their heads arrived.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.shared.state.borrow().requests.iter().cloned().collect()
    }

    /// How many connections have been accepted in total.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.state.borrow().connections
    }

    /// How many requests are in flight: from the arrival of the head until the last byte of the response's
    /// body is handed to the kernel, or the connection is gone.
    ///
    /// A stalled or trickled body counts, and so does one that is not read, as soon as it is larger than what
    /// the kernel buffers (some megabytes on loopback). A peer that closes its sending side is taken to have
    /// left.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.state.borrow().in_flight.len()
    }

    /// The most requests that were ever in flight at once.
    ///
    /// Exact for a client that starts a request after the end of another response: the server counts a
    /// response out in the same instant in which it writes the last byte.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.shared.state.borrow().most_in_flight
    }

    /// Waits until so many requests have arrived in total.
    ///
    /// # Panics
    ///
    /// When they have not within [`WAIT_TIMEOUT`](Self::WAIT_TIMEOUT) or what was
    /// [set](Self::set_wait_timeout). The message says how many have, and the method and path of the latest.
    #[track_caller]
    pub fn received(&self, requests: usize) -> impl Future<Output = ()> {
        self.wait_until(
            move |state| state.received >= requests,
            move |state, wait_timeout| WaitTimedOut::receiving(state, requests, wait_timeout),
        )
    }

    /// Waits until no request is in flight.
    ///
    /// # Panics
    ///
    /// When some still are after [`WAIT_TIMEOUT`](Self::WAIT_TIMEOUT) or what was
    /// [set](Self::set_wait_timeout). The message names them by method and path, the oldest first.
    #[track_caller]
    pub fn idle(&self) -> impl Future<Output = ()> {
        self.wait_until(|state| state.in_flight.is_empty(), WaitTimedOut::idling)
    }

    #[track_caller]
    fn wait_until(
        &self,
        condition: impl Fn(&ServerState) -> bool,
        on_timeout: impl Fn(&ServerState, Duration) -> WaitTimedOut,
    ) -> impl Future<Output = ()> {
        let caller = Location::caller();
        async move {
            let wait_timeout = self.shared.wait_timeout();
            let mut state = self.shared.state.subscribe();
            // Fails only when the sender is gone, and `self` holds it.
            let come = async { state.wait_for(condition).await.is_ok() };
            if within(wait_timeout, come).await.is_none() {
                let timed_out = on_timeout(&self.shared.state.borrow(), wait_timeout);
                timed_out.fail(caller);
            }
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("address", &self.address)
            .field("wait_timeout", &self.shared.wait_timeout())
            .finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let number = shared.connected();
                    connections.spawn(connection::serve(stream, number, Arc::clone(&shared)));
                }
                // The peer left before it was accepted, or no file descriptor is free. The next connection
                // may succeed.
                Err(_) => tokio::task::yield_now().await,
            },
        }
    }
    drop(listener);
    connections.shutdown().await;
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// The most that [`Uri`] holds.
const MAX_URI_BYTES: usize = 65_534;

fn uri(address: SocketAddr, path: &str) -> Uri {
    let mut text = format!("http://{address}/");
    for byte in path.strip_prefix('/').unwrap_or(path).bytes() {
        let as_it_is = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte);
        let piece = if as_it_is { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        if text.len() + piece.len() > MAX_URI_BYTES {
            break;
        }
        text.push_str(&piece);
    }
    text.parse().unwrap_or_default()
}
