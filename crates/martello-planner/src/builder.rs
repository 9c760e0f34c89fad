use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{Envelope, Faults, Planner, state::State, tokens::Tokens};
use martello_testkit::Server;

/// How a [`Planner`] is to be.
#[must_use = "nothing is started until `start`"]
#[derive(Default)]
pub struct PlannerBuilder {
    state: State,
    address: Option<SocketAddr>,
}

impl PlannerBuilder {
    /// Decides from this seed which request meets which fault, and what `Trackingid`s look like. Zero unless it is said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.state.seed = seed;
        self
    }

    /// Lets requests meet these faults. None unless it is said.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.state.faults = faults;
        self
    }

    /// Takes so long for each answer. No time unless it is said.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.state.latency = latency;
        self
    }

    /// Answers 401 to who has no token, and issues one at `POST /oauth2/token` to this client by client credentials; each is
    /// worth something for so long. Without this, nobody needs one.
    pub fn tokens(mut self, client: &str, secret: &str, lives: Duration) -> Self {
        self.state.tokens = Some(Tokens::new(client.to_owned(), secret.to_owned(), lives));
        self
    }

    /// Answers 422 with what `check` says of a body, where it says something. Without this, anything is an entity.
    pub fn check(mut self, check: impl Fn(&[u8]) -> Result<(), String> + Send + 'static) -> Self {
        self.state.entities.check = Some(Box::new(check));
        self
    }

    /// Makes a planning of each order as it is written: with the last part of its path as its id, the order in it, and stamps of
    /// that moment, at which it is released late by up to so much. A write that changes nothing makes none. Without this,
    /// plannings are only those that are [released](Planner::release).
    pub fn plan_orders(mut self, lateness: Duration) -> Self {
        self.state.plans_orders = Some(lateness);
        self
    }

    /// Wraps the list of plannings in this.
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.state.plannings.envelope = envelope;
        self
    }

    /// Answers 400 to a cursor that is older than this. For ever unless it is said.
    pub fn cursors_live(mut self, time: Duration) -> Self {
        self.state.plannings.cursors_live = Some(time);
        self
    }

    /// Has its clock go ahead of this machine's by so much.
    pub fn clock_ahead(mut self, by: Duration) -> Self {
        (self.state.clock_ahead, self.state.clock_behind) = (by, Duration::ZERO);
        self
    }

    /// Has its clock stay behind this machine's by so much.
    pub fn clock_behind(mut self, by: Duration) -> Self {
        (self.state.clock_ahead, self.state.clock_behind) = (Duration::ZERO, by);
        self
    }

    /// Listens here, in place of a free port of 127.0.0.1.
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Starts it.
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
