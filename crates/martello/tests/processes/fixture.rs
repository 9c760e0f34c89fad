//! A server, a store, and the child processes, which the test kills and replaces one by one.

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

/// How long the remaining deliveries may take.
const WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Fixture {
    pub(crate) test_store: TestStore,
    pub(crate) server: Server,
    pub(crate) api: TestApi,
    pub(crate) concurrency: usize,
    pub(crate) lease: Duration,
    pub(crate) random: fastrand::Rng,
    pub(crate) children: Vec<Child>,
    /// When each killed process was killed, by name.
    pub(crate) killed_at: HashMap<String, Instant>,
    /// The output of the killed processes.
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

    /// An outbox of the test process. While it exists, at least one process has the store open.
    pub(crate) async fn outbox(&self) -> Outbox {
        self.test_store.outbox(|outbox| outbox.concurrency(self.concurrency)).await
    }

    /// Starts one more process.
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

    /// Kills a random process.
    pub(crate) fn kill_any(&mut self) -> Role {
        let place = self.random.usize(..self.children.len());
        self.kill(place)
    }

    /// Kills a process that waits for a response, or a random one if none does.
    pub(crate) fn kill_busy(&mut self) -> Role {
        let busy = self.api.waiting();
        match self.children.iter().position(|child| Some(&child.config.name) == busy.as_ref()) {
            Some(place) => self.kill(place),
            None => self.kill_any(),
        }
    }

    /// Kills the process at this index.
    fn kill(&mut self, place: usize) -> Role {
        let child = self.children.remove(place);
        let ProcessConfig { role, name, .. } = child.config.clone();
        self.killed_at.insert(name, Instant::now());
        let output = child.kill();
        self.hits.killed(role, &output);
        self.output.extend(output);
        role
    }

    /// Kills all processes with one of these roles.
    pub(crate) fn kill_all(&mut self, roles: &[Role]) -> Vec<Role> {
        let mut killed = Vec::new();
        while let Some(place) = self.children.iter().position(|child| roles.contains(&child.config.role)) {
            killed.push(self.kill(place));
        }
        killed
    }

    /// Waits until no entry is ready and none is leased.
    async fn drained(&mut self, store: &dyn Store) {
        let within = Instant::now() + WITHIN;
        loop {
            self.children.iter_mut().for_each(Child::assert_alive);
            let queues = store.queues().await.unwrap();
            if queues.iter().all(|queue| queue.ready + queue.leased == 0) {
                return;
            }
            assert!(
                Instant::now() < within,
                "entries are still ready or leased after {WITHIN:?}: {queues:?}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets the remaining processes deliver everything, replays the dead letters, and checks the result.
    pub(crate) async fn end(&mut self, store: &dyn Store) -> RunSummary {
        self.api.accept_all();
        self.drained(store).await;
        store.replay(Filter::state(State::Dead), 10_000.0, WhenOvertaken::Overwrite).await.unwrap();
        self.drained(store).await;
        let receipts = self.api.receipts();
        check(store, &receipts, &self.output, &self.killed_at, self.hits.clone()).await
    }
}
