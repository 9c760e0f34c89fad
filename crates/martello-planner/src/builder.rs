use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{Envelope, Faults, Planner, state::State, tokens::Tokens};
use martello_testkit::Server;

/// Configures a [`Planner`].
#[must_use = "nothing is started until `start`"]
#[derive(Default)]
pub struct PlannerBuilder {
    state: State,
    address: Option<SocketAddr>,
}

impl PlannerBuilder {
    /// The seed that decides which request meets which fault, and the `Trackingid`s. 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.state.seed = seed;
        self
    }

    /// The faults to inject. None by default.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.state.faults = faults;
        self
    }

    /// The delay of each response. None by default.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.state.latency = latency;
        self
    }

    /// Requires a token: answers 401 without one, and issues one at `POST /oauth2/token` for these client
    /// credentials. A token is valid for `lives`. By default no request needs a token.
    pub fn tokens(mut self, client: &str, secret: &str, lives: Duration) -> Self {
        self.state.tokens = Some(Tokens::new(client.to_owned(), secret.to_owned(), lives));
        self
    }

    /// Answers 422 with the error that `check` returns for a body. By default every body is accepted.
    pub fn check(mut self, check: impl Fn(&[u8]) -> Result<(), String> + Send + 'static) -> Self {
        self.state.entities.check = Some(Box::new(check));
        self
    }

    /// Creates a planning for each order that is written: its id is the last segment of the path, it contains
    /// the order, and its timestamps are the time of the write. It is listed up to `lateness` later. A write
    /// that changes nothing creates none. By default only [`Planner::release`] creates plannings.
    pub fn plan_orders(mut self, lateness: Duration) -> Self {
        self.state.plans_orders = Some(lateness);
        self
    }

    /// The JSON object around a page of plannings.
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.state.plannings.envelope = envelope;
        self
    }

    /// Answers 400 to a cursor that is older than this. By default cursors do not expire.
    pub fn cursors_live(mut self, time: Duration) -> Self {
        self.state.plannings.cursors_live = Some(time);
        self
    }

    /// Sets its clock ahead of this machine's.
    pub fn clock_ahead(mut self, by: Duration) -> Self {
        (self.state.clock_ahead, self.state.clock_behind) = (by, Duration::ZERO);
        self
    }

    /// Sets its clock behind this machine's.
    pub fn clock_behind(mut self, by: Duration) -> Self {
        (self.state.clock_ahead, self.state.clock_behind) = (Duration::ZERO, by);
        self
    }

    /// The address to listen on. A free port of 127.0.0.1 by default.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Starts the planner.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(self) -> io::Result<Planner> {
        let state = Arc::new(Mutex::new(self.state));
        let shared = Arc::clone(&state);
        let handler =
            move |request: &_| shared.lock().unwrap_or_else(PoisonError::into_inner).answer(request);
        let server = match self.address {
            Some(address) => Server::bind(address, handler).await?,
            None => Server::with(handler).await?,
        };
        Ok(Planner { server, state })
    }
}

impl fmt::Debug for PlannerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannerBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}
