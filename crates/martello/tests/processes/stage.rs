//! A server, a store, and the processes between them, of which one after the other is killed and replaced.

use std::{collections::HashMap, time::Duration};

use martello::{
    Outbox,
    outbox::{Filter, State, Store, WhenOvertaken},
};
use martello_testkit::Server;
use tokio::time::Instant;

use crate::{
    api::Ledger,
    check::{Tally, check},
    child::Child,
    ground::Ground,
    hits::Hits,
    part::{Part, Role},
};

/// How long the rest may take.
const WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) ground: Ground,
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
        let server = ledger.serve(delays, seed).await;
        server.set_wait_timeout(WITHIN);
        Self {
            server,
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

    /// An outbox of the test's own. While it is there, the store is never without a process that has it open.
    pub(crate) async fn outbox(&self) -> Outbox {
        self.ground.outbox(|outbox| outbox.concurrency(self.concurrency)).await
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

    /// Kills one of them, by lot.
    pub(crate) fn kill_any(&mut self) -> Role {
        let place = self.random.usize(..self.cast.len());
        self.kill(place)
    }

    /// Kills one that has a request on the wire, if there is any.
    pub(crate) fn kill_busy(&mut self) -> Role {
        let busy = self.ledger.waiting();
        match self.cast.iter().position(|child| Some(&child.part.name) == busy.as_ref()) {
            Some(place) => self.kill(place),
            None => self.kill_any(),
        }
    }

    /// Kills this process.
    fn kill(&mut self, place: usize) -> Role {
        let child = self.cast.remove(place);
        let Part { role, name, .. } = child.part.clone();
        self.deaths.insert(name, Instant::now());
        let said = child.kill();
        self.hits.killed(role, &said);
        self.said.extend(said);
        role
    }

    /// Kills all that play one of these roles.
    pub(crate) fn kill_all(&mut self, roles: &[Role]) -> Vec<Role> {
        let mut killed = Vec::new();
        while let Some(place) = self.cast.iter().position(|child| roles.contains(&child.part.role)) {
            killed.push(self.kill(place));
        }
        killed
    }

    /// Waits until nothing is ready and nothing is leased.
    async fn drained(&mut self, store: &dyn Store) {
        let within = Instant::now() + WITHIN;
        loop {
            self.cast.iter_mut().for_each(Child::assert_alive);
            let queues = store.queues().await.unwrap();
            if queues.iter().all(|queue| queue.ready + queue.leased == 0) {
                return;
            }
            assert!(Instant::now() < within, "after {WITHIN:?} there is something left to do: {queues:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets those that are left deliver everything, once more what is dead, and looks whether all is as it should be.
    pub(crate) async fn end(&mut self, store: &dyn Store) -> Tally {
        self.ledger.calm_down();
        self.drained(store).await;
        store.replay(Filter::state(State::Dead), 10_000.0, WhenOvertaken::Overwrite).await.unwrap();
        self.drained(store).await;
        let receipts = self.ledger.receipts();
        check(store, &receipts, &self.said, &self.deaths, self.hits.clone()).await
    }
}
