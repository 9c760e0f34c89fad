//! Ten thousand upserts by a process that is killed at random moments and started again.

use std::{
    collections::HashMap,
    env,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::stream;
use http::{Request, Uri};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_retry::RetryLayer;
use martello_testkit::{Reply, Server};
use martello_upsert::{Journal, UpsertAll, UpsertOutcome};
use tower::Layer;

/// What a child is told: where the server is, and where the journal.
const PART: &str = "MARTELLO_TEST_UPSERTS";
const ROWS: u32 = 10_000;
/// So many rows have a key that others have, too.
const KEYS: u32 = 9_000;
const KILLS: u32 = 8;

#[derive(Default)]
struct Books {
    held: HashMap<String, u32>,
    /// How often each row was received.
    receipts: HashMap<u32, u32>,
}

fn key(row: u32) -> u32 {
    row.wrapping_mul(7_919) % KEYS
}

/// The part of the child: with its variable set this is a run of upserts, without it nothing.
#[tokio::test]
async fn upserts_of_a_child() {
    let Ok(part) = env::var(PART) else { return };
    let (base, path) = part.split_once(' ').unwrap();
    let base = base.to_owned();
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let retry = RetryLayer::builder().whole_responses(64 * 1024).build().unwrap();
    let to_request = move |row: &u32| Request::put(format!("{base}/{}", key(*row))).body(row.to_string());
    let journal = Journal::open(path, "ten thousand rows").await.unwrap();
    let report = UpsertAll::new(retry.layer(http), to_request)
        .journal(journal)
        .run(stream::iter(0..ROWS))
        .await
        .unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(report.counts().total(), u64::from(ROWS));
    assert_eq!(report.counts().get(UpsertOutcome::Updated), u64::from(ROWS));
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
async fn killed_at_random_moments_it_ends_with_every_entity_and_repeats_only_what_was_in_flight() {
    let books = Arc::new(Mutex::new(Books::default()));
    let writing = Arc::clone(&books);
    let server = Server::with(move |request| {
        let mut books = writing.lock().unwrap();
        let row: u32 = std::str::from_utf8(&request.body).unwrap().parse().unwrap();
        *books.receipts.entry(row).or_default() += 1;
        books.held.insert(request.uri.path().to_owned(), row);
        Reply::status(204).delay(Duration::from_millis(1))
    });
    let server = server.await.unwrap();
    let place = tempfile::tempdir().unwrap();
    let journal = place.path().join("journal");
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);

    for kill in 1..=KILLS {
        let mut child = spawn(&server.uri("/orders"), &journal);
        let goal = (ROWS * kill / (KILLS + 1)) as usize + random.usize(..200);
        let reached = tokio::time::timeout(Duration::from_secs(60), server.received(goal)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(reached.is_ok(), "seed {seed}: the child did not get as far as {goal} requests");
        server.idle().await;
    }
    let mut child = spawn(&server.uri("/orders"), &journal);
    assert!(tokio::time::timeout(Duration::from_secs(120), ended(&mut child)).await.unwrap(), "seed {seed}");

    let books = books.lock().unwrap();
    let expected: HashMap<String, u32> =
        (0..ROWS).map(|row| (format!("/orders/{}", key(row)), row)).collect();
    assert_eq!(books.held, expected, "seed {seed}: every entity is as in the input");
    assert_eq!(books.receipts.len(), ROWS as usize, "seed {seed}: every row was sent");
    let repeated: u32 = books.receipts.values().map(|receipts| receipts - 1).sum();
    assert!(
        repeated <= KILLS * 5,
        "seed {seed}: {repeated} were sent twice, and at most five were in flight at each kill"
    );
    assert!(server.most_in_flight() <= 5, "seed {seed}");
}
