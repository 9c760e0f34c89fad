//! Of two polling processes only one polls at a time, and each item is acknowledged once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use martello_testkit::{Reply, Server};

use crate::{
    child::Child,
    process_config::{ProcessConfig, Role},
    test_store::{TestStore, in_a_file, in_a_schema},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_that_poll_one_does_by_a_checkpoint_in_a_file() {
    in_a_file(two_poll).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn of_two_processes_that_poll_one_does_by_a_checkpoint_in_a_schema() {
    in_a_schema(two_poll).await;
}

async fn two_poll(test_store: TestStore) {
    let (plannings, server) = Plannings::serve().await;
    let spawn = |name| spawn(&test_store, &server, name);

    let one = spawn("one");
    plannings.publish(["1", "2"]);
    one.wait_for_line("kept 2", 0).await;
    let two = spawn("two");
    two.wait_for_line("HeldElsewhere", 0).await;

    // It is stopped for longer than its lease, and continued.
    one.stop();
    one.stopped().await;
    plannings.publish(["3"]);
    two.wait_for_line("kept 3", 0).await;
    one.resume();
    one.wait_for_line("HeldElsewhere", 0).await;
    plannings.publish(["4"]);
    two.wait_for_line("kept 4", 0).await;

    let mut output = two.kill();
    plannings.publish(["5"]);
    one.wait_for_line("kept 5", 0).await;
    one.wait_for_line("caught up", one.output().iter().filter(|line| *line == "caught up").count()).await;
    output.extend(one.kill());

    let all = ["1", "2", "3", "4", "5"];
    assert_eq!(count(&output, "kept "), all.map(|id| (id, 1)).into());
    let mut delivered = count(&output, "got ");
    // A continued process may fetch the item before it learns that its lease has expired.
    assert!(delivered.insert("3", 1) <= Some(2), "{output:?}");
    assert_eq!(delivered, all.map(|id| (id, 1)).into());
}

/// How often each id was written after this word.
fn count<'a>(output: &'a [String], word: &str) -> HashMap<&'a str, usize> {
    let mut counts = HashMap::new();
    for id in output.iter().filter_map(|line| line.strip_prefix(word)) {
        *counts.entry(id).or_insert(0) += 1;
    }
    counts
}

/// The plannings published so far. Clones share them.
#[derive(Clone, Default)]
struct Plannings(Arc<Mutex<Vec<String>>>);

impl Plannings {
    /// Starts a server that lists all plannings for every query, so that the poller has to filter out the
    /// known ones.
    async fn serve() -> (Self, Server) {
        let plannings = Self::default();
        let listed = plannings.0.clone();
        let list = move |_: &_| {
            let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let body = format!(r#"{{"plannings":[{}]}}"#, listed.lock().unwrap().join(","));
            Reply::ok().header("date", date).body(body)
        };
        (plannings, Server::with(list).await.unwrap())
    }

    /// Publishes plannings together, with equal timestamps.
    fn publish<const N: usize>(&self, ids: [&str; N]) {
        let now = Timestamp::now();
        let json = ids.map(|id| format!(r#"{{"id":"{id}","updated_at":"{now}"}}"#));
        self.0.lock().unwrap().extend(json);
    }
}

fn spawn(test_store: &TestStore, server: &Server, name: &str) -> Child {
    Child::spawn(ProcessConfig {
        role: Role::Poller,
        name: name.to_owned(),
        test_store: test_store.clone(),
        api: server.address().to_string(),
        concurrency: 1,
        lease: Duration::from_millis(1_500),
        seed: 0,
    })
}
