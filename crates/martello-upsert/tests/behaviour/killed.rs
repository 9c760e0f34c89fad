//! Ten thousand upserts by a process that is killed at random moments and started again.

use std::{
    collections::BTreeMap,
    env,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::stream;
use http::{Request, Uri};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_planner::Planner;
use martello_retry::RetryLayer;
use martello_upsert::{Journal, UpsertAll};
use tower::Layer;

use crate::support::target;

/// The arguments of a child: the server's address and the journal's path.
const PART: &str = "MARTELLO_TEST_UPSERTS";
const ROWS: u32 = 10_000;
/// How many rows share their key with others.
const KEYS: u32 = 9_000;
const KILLS: u32 = 8;
const MINUTE: Duration = Duration::from_secs(60);

fn key(row: u32) -> u32 {
    row.wrapping_mul(7_919) % KEYS
}

/// The child's code: with the variable set, this test is a run of upserts; otherwise it does nothing.
#[tokio::test]
async fn upserts_of_a_child() {
    let Ok(part) = env::var(PART) else { return };
    let (base, path) = part.split_once(' ').unwrap();
    let base = base.to_owned();
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let retry = RetryLayer::builder().whole_responses(64 * 1024).build().unwrap();
    let to_request = move |row: &u32| Request::put(format!("{base}/{}", key(*row))).body(row.to_string());
    let journal = Journal::open(path, "ten thousand rows", target()).await.unwrap();
    let report = UpsertAll::new(retry.layer(http), to_request)
        .journal(journal)
        .run(stream::iter(0..ROWS))
        .await
        .unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(report.counts().total(), u64::from(ROWS));
    assert_eq!(report.counts().written(), u64::from(ROWS));
}

fn spawn(base: &Uri, journal: &Path) -> Child {
    let part = format!("{} {}", base.to_string().trim_end_matches('/'), journal.display());
    Command::new(env::current_exe().unwrap())
        .args(["killed::upserts_of_a_child", "--exact", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

async fn ended(child: &mut Child) -> bool {
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_run_killed_at_random_moments_repeats_only_what_was_in_flight() {
    let planner = Planner::builder().latency(Duration::from_millis(1)).start().await.unwrap();
    let server = planner.server();
    // A child has a minute, and is killed if it takes longer.
    server.set_wait_timeout(2 * MINUTE);
    let place = tempfile::tempdir().unwrap();
    let journal = place.path().join("journal");
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);

    for kill in 1..=KILLS {
        let mut child = spawn(&server.uri("/orders"), &journal);
        let goal = (ROWS * kill / (KILLS + 1)) as usize + random.usize(..200);
        let reached = tokio::time::timeout(MINUTE, server.received(goal)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(reached.is_ok(), "seed {seed}: the child did not get as far as {goal} requests");
        server.idle().await;
    }
    let mut child = spawn(&server.uri("/orders"), &journal);
    assert!(tokio::time::timeout(2 * MINUTE, ended(&mut child)).await.unwrap(), "seed {seed}");

    let mut expected: BTreeMap<String, (u32, u64)> = BTreeMap::new();
    for row in 0..ROWS {
        let (last, rows) = expected.entry(format!("/orders/{}", key(row))).or_default();
        (*last, *rows) = (row, *rows + 1);
    }
    let held = planner.entities();
    assert!(held.keys().eq(expected.keys()), "seed {seed}");
    let mut repeated = 0;
    for (path, (last, rows)) in expected {
        assert_eq!(held[&path].body, last.to_string(), "seed {seed}: every entity is as in the input");
        repeated += planner.receipts(&path).checked_sub(rows).unwrap();
    }
    assert!(
        repeated <= u64::from(KILLS * 5),
        "seed {seed}: {repeated} repeated, and five were in flight at each kill"
    );
    assert!(planner.most_in_flight() <= 5, "seed {seed}");
}
