//! A server, a store, and the processes between them, of which one after the other is killed and replaced.

use std::{collections::HashMap, time::Duration};

use martello::{
    Outbox,
    outbox::{Filter, State, Store, WhenOvertaken},
};
use martello_testkit::Server;
use tokio::time::Instant;

use crate::{
    api::TestApi,
    check::{RunSummary, check},
    child::Child,
    hits::Hits,
    process_config::{ProcessConfig, Role},
    test_store::TestStore,
};

/// How long the rest may take.
const WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Fixture {
    pub(crate) test_store: TestStore,
    pub(crate) server: Server,
    pub(crate) api: TestApi,
    pub(crate) concurrency: usize,
    pub(crate) lease: Duration,
    pub(crate) random: fastrand::Rng,
    pub(crate) children: Vec<Child>,
    /// When whoever is dead died.
    pub(crate) killed_at: HashMap<String, Instant>,
    /// What the dead have said.
    pub(crate) output: Vec<String>,
    pub(crate) hits: Hits,
    spawned: usize,
}

impl Fixture {
    pub(crate) async fn new(
        test_store: TestStore,
        concurrency: usize,
        delays: std::ops::Range<u64>,
        seed: u64,
    ) -> Self {
        let api = TestApi::default();
        let server = api.serve(delays, seed).await;
        server.set_wait_timeout(WITHIN);
        Self {
            server,
            api,
            test_store,
            concurrency,
            lease: Duration::from_millis(1_500),
            random: fastrand::Rng::with_seed(seed),
            children: Vec::new(),
            killed_at: HashMap::new(),
            output: Vec::new(),
            hits: Hits::default(),
            spawned: 0,
        }
    }

    /// An outbox of the test's own. While it is there, the store is never without a process that has it open.
    pub(crate) async fn outbox(&self) -> Outbox {
        self.test_store.outbox(|outbox| outbox.concurrency(self.concurrency)).await
    }

    /// One more process.
    pub(crate) fn spawn(&mut self, role: Role) {
        self.spawned += 1;
        self.children.push(Child::spawn(ProcessConfig {
            role,
            name: format!("{}-{}", role.as_str(), self.spawned),
            test_store: self.test_store.clone(),
            api: self.server.address().to_string(),
            concurrency: self.concurrency,
            lease: self.lease,
            seed: self.random.u64(..),
        }));
    }

    /// Kills one of them, by draw.
    pub(crate) fn kill_any(&mut self) -> Role {
        let place = self.random.usize(..self.children.len());
        self.kill(place)
    }

    /// Kills one that has a request on the wire, if there is any.
    pub(crate) fn kill_busy(&mut self) -> Role {
        let busy = self.api.waiting();
        match self.children.iter().position(|child| Some(&child.config.name) == busy.as_ref()) {
            Some(place) => self.kill(place),
            None => self.kill_any(),
        }
    }

    /// Kills this process.
    fn kill(&mut self, place: usize) -> Role {
        let child = self.children.remove(place);
        let ProcessConfig { role, name, .. } = child.config.clone();
        self.killed_at.insert(name, Instant::now());
        let output = child.kill();
        self.hits.killed(role, &output);
        self.output.extend(output);
        role
    }

    /// Kills all that play one of these roles.
    pub(crate) fn kill_all(&mut self, roles: &[Role]) -> Vec<Role> {
        let mut killed = Vec::new();
        while let Some(place) = self.children.iter().position(|child| roles.contains(&child.config.role)) {
            killed.push(self.kill(place));
        }
        killed
    }

    /// Waits until nothing is ready and nothing is leased.
    async fn drained(&mut self, store: &dyn Store) {
        let within = Instant::now() + WITHIN;
        loop {
            self.children.iter_mut().for_each(Child::assert_alive);
            let queues = store.queues().await.unwrap();
            if queues.iter().all(|queue| queue.ready + queue.leased == 0) {
                return;
            }
            assert!(Instant::now() < within, "after {WITHIN:?} there is something left to do: {queues:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets those that are left deliver everything, once more what is dead, and looks whether all is as it should be.
    pub(crate) async fn end(&mut self, store: &dyn Store) -> RunSummary {
        self.api.accept_all();
        self.drained(store).await;
        store.replay(Filter::state(State::Dead), 10_000.0, WhenOvertaken::Overwrite).await.unwrap();
        self.drained(store).await;
        let receipts = self.api.receipts();
        check(store, &receipts, &self.output, &self.killed_at, self.hits.clone()).await
    }
}
