//! A store whose first process is killed while it makes it is one for the next.

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
async fn a_file_whose_maker_was_killed_becomes_a_store_all_the_same() {
    let mut creation_kills = CreationKills::new();
    for _ in 0..40 {
        in_a_file(async |test_store| creation_kills.one(test_store).await).await;
    }
    creation_kills.print("files");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_schema_whose_maker_was_killed_becomes_a_store_all_the_same() {
    let mut creation_kills = CreationKills::new();
    for _ in 0..20 {
        in_a_schema(async |test_store| creation_kills.one(test_store).await).await;
    }
    creation_kills.print("schemas");
}

struct CreationKills {
    seed: u64,
    random: fastrand::Rng,
    /// How long one takes from the start of its process, in microseconds, once it is known.
    takes: Option<u64>,
    kills: usize,
    /// How many had begun and not ended when they were killed.
    hits: usize,
}

impl CreationKills {
    fn new() -> Self {
        let seed = seed();
        Self { seed, random: fastrand::Rng::with_seed(seed), takes: None, kills: 0, hits: 0 }
    }

    /// Kills a process that makes a store here, and opens it; but lets the first one end, to know how long it takes.
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
            "makers of {what}: {hits} of {kills} kills hit one at work, MARTELLO_TEST_SEED={seed}"
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
