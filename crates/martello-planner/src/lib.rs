//! A simulated route planner's API on a real socket, with faults and outages, for tests and examples that
//! need more than scripted replies.
//!
//! ```
//! use http::Request;
//! use http_body_util::{BodyExt, Full};
//! use bytes::Bytes;
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! use martello_planner::{Planner, Planning};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let planner = Planner::start().await?;
//! let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
//!
//! let order = Request::put(planner.uri("/orders/o-1")).body(Full::from(r#"{"stops":3}"#))?;
//! let response = client.request(order).await?;
//! assert_eq!((response.status().as_u16(), &response.headers()["etag"]), (201, &"W/\"1\"".parse()?));
//! assert_eq!(planner.receipts("/orders/o-1"), 1);
//!
//! let now = planner.now();
//! planner.release(Planning::new("p-1", now, now));
//! let list = planner.uri("/planning/v1/plannings?released_since=2024-11-29T10:00:00.000Z&limit=100");
//! let response = client.get(list).await?;
//! assert!(response.headers().contains_key("trackingid"));
//! let body = response.into_body().collect().await?.to_bytes();
//! assert!(body.starts_with(br#"{"plannings":[{"id":"p-1","created_at":"#));
//! # Ok(())
//! # }
//! ```
//!
//! | request | answer |
//! |---|---|
//! | `PUT /…/{business_id}` | 201 or 200 with the entity, or 204 to `Prefer: return=minimal`; with an `ETag` |
//! | the same with `If-Match` | 412 if the entity has another version |
//! | the same with an id that does not match `^[a-zA-Z0-9.~\-_]+$` | 400 |
//! | `GET /…/{business_id}` | 200 with an `ETag`, or 404 |
//! | `GET /planning/v1/plannings?released_since=…&limit=…&cursor=…` | the plannings released after that time, the newest created first, at most `limit` (1 to 1000, 100 by default, otherwise 400), in an [`Envelope`] |
//! | `POST /oauth2/token` | a token for `grant_type=client_credentials`, if [tokens](PlannerBuilder::tokens) are required |
//!
//! Every response has a `Trackingid`, and a `Date` from the planner's own clock.

mod answer;
mod builder;
mod cursor;
mod entities;
mod envelope;
mod exchange;
mod faults;
mod form;
mod plannings;
mod schedule;
mod stamp;
mod state;
mod tokens;

use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use http::Uri;

use self::state::State;
pub use self::{
    builder::PlannerBuilder, entities::Entity, envelope::Envelope, exchange::Exchange, faults::Faults,
    plannings::Planning,
};
use martello_testkit::Server;

/// A simulated route planner's API. The [crate's page](crate) lists its endpoints.
///
/// The value owns its [`Server`]: dropping it closes the port and every connection.
pub struct Planner {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Planner {
    /// Starts a planner without faults, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Configures a planner.
    pub fn builder() -> PlannerBuilder {
        PlannerBuilder::default()
    }

    /// The `http` URI of a path.
    #[must_use]
    pub fn uri(&self, path: &str) -> Uri {
        self.server.uri(path)
    }

    /// The server: its address, its connections, the requests in flight.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The time of its clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.state().now()
    }

    /// Answers 503 to everything, until it is [repaired](Self::repair).
    pub fn break_down(&self) {
        self.break_down_at(0);
    }

    /// Answers 503 from the request with this number on, counted from 1.
    pub fn break_down_at(&self, request: u64) {
        self.state().down_from = Some(request);
    }

    /// Ends an outage.
    pub fn repair(&self) {
        self.state().down_from = None;
    }

    /// Injects these faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Revokes every token that it has issued.
    pub fn revoke_tokens(&self) {
        if let Some(tokens) = &mut self.state().tokens {
            tokens.revoke();
        }
    }

    /// Issues a token without a request; `None` if no [tokens](PlannerBuilder::tokens) are required.
    #[must_use]
    pub fn issue_token(&self) -> Option<String> {
        let mut state = self.state();
        let nonce = state.seed;
        state.tokens.as_mut().map(|tokens| tokens.mint(nonce))
    }

    /// How many tokens it has issued.
    #[must_use]
    pub fn tokens_issued(&self) -> u64 {
        self.state().tokens.as_ref().map_or(0, tokens::Tokens::count)
    }

    /// Lists a planning from now on, whatever its timestamps are. If its `released_at` is in the past, it is
    /// released late.
    pub fn release(&self, planning: Planning) {
        self.release_after(Duration::ZERO, planning);
    }

    /// Lists a planning after this wait.
    pub fn release_after(&self, wait: Duration, planning: Planning) {
        self.state().release(planning, wait);
    }

    /// Releases `count` plannings at random times `within` a duration from now, and returns their ids. Each
    /// is listed up to `lateness` after its `released_at`; some have equal timestamps; the order is not that
    /// of creation. The ids begin with `prefix`; the planner's seed decides the rest.
    #[must_use]
    pub fn release_badly(
        &self,
        prefix: &str,
        count: u32,
        within: Duration,
        lateness: Duration,
    ) -> Vec<String> {
        let mut state = self.state();
        let schedule = schedule::badly(state.seed, state.now(), prefix, count, within, lateness);
        let mut ids = Vec::with_capacity(schedule.len());
        for (wait, planning) in schedule {
            ids.push(planning.id.clone());
            state.release(planning, wait);
        }
        ids
    }

    /// How many plannings are listed now.
    #[must_use]
    pub fn released(&self) -> usize {
        self.state().plannings.visible()
    }

    /// All entities, by path.
    #[must_use]
    pub fn entities(&self) -> BTreeMap<String, Entity> {
        self.state().entities.held.clone()
    }

    /// The entity at this path.
    #[must_use]
    pub fn entity(&self, path: &str) -> Option<Entity> {
        self.state().entities.held.get(path).cloned()
    }

    /// How many PUTs to this path it has received, whatever their outcome.
    #[must_use]
    pub fn receipts(&self, path: &str) -> u64 {
        self.state().entities.receipts.get(path).copied().unwrap_or_default()
    }

    /// The latest 100,000 requests, with their responses.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.state().exchanges.all()
    }

    /// The highest number of concurrent requests so far.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.server.most_in_flight()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner").field("server", &self.server).finish_non_exhaustive()
    }
}
