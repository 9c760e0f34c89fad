//! The command on PostgreSQL. `MARTELLO_TEST_POSTGRES_URL` is the server's URL. These tests are ignored by
//! default.

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};

use martello_outbox::{State, store::End};
use martello_postgres::PostgresStore;

use crate::support::{RunResult, StoreFixture, bare};

/// The server's URL.
fn url() -> String {
    let url = env::var("MARTELLO_TEST_POSTGRES_URL");
    assert!(url.is_ok(), "MARTELLO_TEST_POSTGRES_URL is not set: give the URL of a PostgreSQL server");
    url.unwrap()
}

/// A schema name that no other test or run uses.
fn fresh_schema() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let now = jiff::Timestamp::now().as_microsecond();
    format!("martello_cli_{}_{now}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

fn named(url: &str, schema: &str) -> String {
    format!("{url}{}schema={schema}", if url.contains('?') { '&' } else { '?' })
}

async fn store(url: &str, schema: &str) -> PostgresStore {
    PostgresStore::builder().url(url).schema(schema).max_connections(2).connect().await.unwrap()
}

fn run(store: &str) -> RunResult {
    RunResult::from(bare().args(["outbox", "stats", "--store", store]).output().unwrap())
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn finds_edits_and_replays_a_dead_letter_on_postgresql() {
    let url = url();
    let schema = fresh_schema();
    let kept = store(&url, &schema).await;
    let fixture = StoreFixture::remote(kept.clone(), named(&url, &schema));
    let ids = fixture.fill().await;
    let id = ids[0].to_string();

    let list = fixture.json(&["dead", "list", "--host", "api.example", "--status", "422", "--limit", "1"]);
    assert_eq!(list["entries"][0]["id"], serde_json::json!(ids[1]));
    let next = list["next"].as_str().unwrap();
    let rest = fixture.json(&["dead", "list", "--host", "api.example", "--status", "422", "--after", next]);
    assert_eq!(rest["entries"][0]["id"], serde_json::json!(ids[0]));
    assert!(fixture.run(&["dead", "show", &id]).stdout.contains("Trackingid track-2-422"));
    assert_eq!(fixture.json(&["dead", "edit", &id, "--body", "{}"])["revision"], 2);
    assert_eq!(fixture.run(&["outbox", "cancel", "--all", "--yes"]).stdout, "cancelled 1 waiting request\n");
    assert_eq!(fixture.run(&["dead", "replay", &id]).stdout, "replayed 1 dead letter\n");
    assert_eq!(fixture.deliver(End::Done, 200).await, 1);
    assert_eq!(fixture.state(ids[0]).await, State::Done);

    let job = fixture.json(&["dead", "replay", "--all", "--rate", "4/h", "--yes"]);
    let cancelled = fixture.json(&["dead", "replays", "cancel", job["id"].as_str().unwrap()]);
    assert_eq!((cancelled["total"].as_u64(), cancelled["returned"].as_u64()), (Some(2), Some(2)));
    assert_eq!(fixture.run(&["dead", "export"]).stdout.lines().count(), 2);
    assert_eq!(fixture.run(&["doctor"]).code, 1, "there are dead letters");
    assert_eq!(fixture.run(&["dead", "purge", "--all", "--yes"]).stdout, "purged 2 dead letters\n");
    let doctor = fixture.run(&["doctor"]);
    assert_eq!(doctor.code, 0, "{doctor:?}");
    kept.drop_schema().await.unwrap();
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn creates_no_schema() {
    let url = url();
    let schema = fresh_schema();
    for _ in 0..2 {
        run(&named(&url, &schema)).fails(3, &format!("the schema {schema} holds no store"));
    }
    run(&named(&url, "No Schema")).fails(2, "schema");
}

#[test]
fn a_connection_error_omits_the_password() {
    // No server listens on a port that was just released.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ran = run(&format!("postgres://me:s3cret@127.0.0.1:{port}/orders"));
    ran.fails(3, "server");
    assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
    let ran = run("postgres://me:s3cret@127.0.0.1:port/orders");
    ran.fails(2, "");
    assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
}
