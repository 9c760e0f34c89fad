//! A server, a store, and the processes between them, of which one after the other is killed and replaced.

use std::{collections::HashMap, time::Duration};

use martello::{
    Outbox,
    outbox::{QueueStats, State, Store},
};
use martello_testkit::Server;
use tokio::time::Instant;

use crate::{
    api::Ledger,
    child::Child,
    ground::Ground,
    hits::Hits,
    part::{Part, Role},
};

pub(crate) struct Stage {
    pub(crate) ground: Ground,
    pub(crate) outbox: Outbox,
    pub(crate) server: Server,
    pub(crate) ledger: Ledger,
    pub(crate) concurrency: usize,
    pub(crate) lease: Duration,
    pub(crate) random: fastrand::Rng,
    pub(crate) cast: Vec<Child>,
    /// When whoever is dead died.
    pub(crate) deaths: HashMap<String, Instant>,
    /// What the dead have said.
    pub(crate) said: Vec<String>,
    pub(crate) hits: Hits,
    spawned: usize,
}

impl Stage {
    pub(crate) async fn new(
        ground: Ground,
        concurrency: usize,
        delays: std::ops::Range<u64>,
        seed: u64,
    ) -> Self {
        let ledger = Ledger::default();
        Self {
            outbox: ground.outbox(|outbox| outbox.concurrency(concurrency)).await,
            server: ledger.serve(delays, seed).await,
            ledger,
            ground,
            concurrency,
            lease: Duration::from_millis(1_500),
            random: fastrand::Rng::with_seed(seed),
            cast: Vec::new(),
            deaths: HashMap::new(),
            said: Vec::new(),
            hits: Hits::default(),
            spawned: 0,
        }
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.outbox.store()
    }

    /// One more process.
    pub(crate) fn enter(&mut self, role: Role) {
        self.spawned += 1;
        self.cast.push(Child::spawn(Part {
            role,
            name: format!("{}-{}", role.as_str(), self.spawned),
            ground: self.ground.clone(),
            api: self.server.address().to_string(),
            concurrency: self.concurrency,
            lease: self.lease,
            seed: self.random.u64(..),
        }));
    }

    /// Kills this process.
    pub(crate) fn kill(&mut self, place: usize) -> Role {
        let child = self.cast.remove(place);
        let Part { role, name, .. } = child.part.clone();
        self.deaths.insert(name, Instant::now());
        let said = child.kill();
        self.hits.killed(role, &said);
        self.said.extend(said);
        role
    }

    /// Kills all that play this role.
    pub(crate) fn leave(&mut self, role: Role) {
        while let Some(place) = self.cast.iter().position(|child| child.part.role == role) {
            self.kill(place);
        }
    }

    /// Waits until nothing is ready and nothing is leased.
    pub(crate) async fn drained(&self) {
        let pending =
            |queues: &[QueueStats]| queues.iter().map(|queue| queue.ready + queue.leased).sum::<u64>();
        let within = Duration::from_secs(120);
        let waiting = async {
            while pending(&self.store().queues().await.unwrap()) > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(within, waiting).await.is_err() {
            panic!("after {within:?} there is something left to do: {:?}", self.store().queues().await);
        }
    }

    /// Puts back all dead letters, and waits for what becomes of them.
    pub(crate) async fn replay_all(&self) {
        let dead = martello::outbox::Filter::state(State::Dead);
        self.store().replay(dead, 10_000.0).await.unwrap();
        self.drained().await;
    }
}
