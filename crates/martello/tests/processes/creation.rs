//! A process can open a store even if another process was killed while it created that store.

use std::time::Duration;

use http::Request;
use martello::Body;
use tokio::time::Instant;

use crate::{
    child::Child,
    process_config::{ProcessConfig, Role},
    settings::{print, seed},
    test_store::{TestStore, in_a_file, in_a_schema},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_creator_was_killed_can_be_opened() {
    let mut creation_kills = CreationKills::new();
    for _ in 0..40 {
        in_a_file(async |test_store| creation_kills.one(test_store).await).await;
    }
    creation_kills.print("files");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_schema_whose_creator_was_killed_can_be_opened() {
    let mut creation_kills = CreationKills::new();
    for _ in 0..20 {
        in_a_schema(async |test_store| creation_kills.one(test_store).await).await;
    }
    creation_kills.print("schemas");
}

struct CreationKills {
    seed: u64,
    random: fastrand::Rng,
    /// How long a process takes from its start until the store is open, in microseconds. `None` until it is
    /// measured.
    takes: Option<u64>,
    kills: usize,
    /// How many processes were creating the store when they were killed.
    hits: usize,
}

impl CreationKills {
    fn new() -> Self {
        let seed = seed();
        Self { seed, random: fastrand::Rng::with_seed(seed), takes: None, kills: 0, hits: 0 }
    }

    /// Kills a process that creates the store, then opens the store. The first process is not killed: it
    /// measures how long the creation takes.
    async fn one(&mut self, test_store: TestStore) {
        let began = Instant::now();
        let child = opener(&test_store);
        if let Some(takes) = self.takes {
            tokio::time::sleep(Duration::from_micros(self.random.u64(..takes))).await;
            self.kills += 1;
            self.hits += usize::from(child.kill() == ["opens"]);
        } else {
            child.wait_for_line("opened", 0).await;
            self.takes = Some(u64::try_from(began.elapsed().as_micros()).unwrap());
        }
        let outbox = test_store.outbox(|outbox| outbox).await;
        let request = Request::put("http://api.example/orders/1").body(Body::from("{}"));
        outbox.enqueue(request.unwrap()).await.unwrap();
        let findings = outbox.store().check_health().await.unwrap();
        assert!(findings.iter().all(|finding| finding.passed), "{findings:?}");
    }

    fn print(&self, what: &str) {
        let Self { seed, kills, hits, .. } = self;
        print(&format!(
            "creation of {what}: {hits} of {kills} kills hit a process during the creation, MARTELLO_TEST_SEED={seed}"
        ));
    }
}

fn opener(test_store: &TestStore) -> Child {
    Child::spawn(ProcessConfig {
        role: Role::Opener,
        name: Role::Opener.as_str().to_owned(),
        test_store: test_store.clone(),
        api: String::new(),
        concurrency: 5,
        lease: Duration::from_secs(1),
        seed: 0,
    })
}
