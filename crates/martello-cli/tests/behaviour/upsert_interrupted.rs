use std::time::Duration;

use martello_planner::Planner;

use crate::{
    support::RunResult,
    sync::{SyncFixture, run},
};

const JOURNALED: &[&str] = &["--journal", "orders.journal", "--report", "out.ndjson"];

async fn slow_site() -> SyncFixture {
    SyncFixture::of(Planner::builder().latency(Duration::from_millis(10))).await
}

/// Asserts one record per order, and that only requests in flight were sent twice.
fn is_whole(sync: &SyncFixture, orders: &str) {
    sync.holds(orders);
    let mut rows: Vec<u64> =
        sync.lines("out.ndjson").iter().map(|line| line["row"].as_u64().unwrap()).collect();
    rows.sort_unstable();
    let all = u64::try_from(orders.lines().count()).unwrap();
    assert_eq!(rows, (0..all).collect::<Vec<_>>());
    let twice = sync.planner.entities().keys().filter(|path| sync.planner.receipts(path) > 1).count();
    assert!(twice <= 5, "{twice} were sent twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn resumes_from_its_journal_when_killed() {
    let sync = slow_site().await;
    let orders = sync.orders(300);
    let mut child = sync.upsert(JOURNALED).spawn().unwrap();
    sync.received(100).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let before = sync.planner.entities().len();
    assert!((90..290).contains(&before), "{before}");
    let ran = run(sync.upsert(JOURNALED));
    assert_eq!(ran.code, 0, "{ran:?}");
    is_whole(&sync, &orders);
    sync.orders(301);
    run(sync.upsert(JOURNALED)).fails(7, "belongs to a run with another input: ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_journal_belongs_to_one_method() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    assert_eq!(run(sync.upsert(&["--journal", "orders.journal"])).code, 0);
    let ran = run(sync.upsert(&["--journal", "orders.journal", "--method", "PATCH"]));
    ran.fails(7, "the journal orders.journal belongs to a run with another method (PUT)");
    ran.fails(7, "use another journal, or start the run as before");
}

/// Orders that were sent to one URL or for one tenant were not sent to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_journal_belongs_to_one_url_and_set_of_headers() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    let upsert = |query: &str, arguments: &[&str]| {
        let url = format!("{}{{business_id}}{query}", sync.planner.uri("/orders/"));
        let first = ["upsert", "--url", &url, "--input", "orders.ndjson", "--journal", "orders.journal"];
        let mut command = sync.martello(&first, arguments);
        command.env("ONE", "one").env("TWO", "two");
        run(command)
    };
    let of_a = ["--header", "x-tenant: A", "--header-env", "x-api-key=ONE"];
    assert_eq!(upsert("?env=test", &of_a).code, 0);
    upsert("?env=prod", &of_a).fails(7, "belongs to a run with another URL: ");
    upsert("?env=test", &["--header", "x-tenant: B"]).fails(7, "belongs to a run with other headers: ");
    upsert("", &[]).fails(7, "belongs to a run with another URL and other headers: ");
    // A changed credential is still the same run.
    let again = ["--header", "X-Tenant: A", "--header-env", "x-api-key=TWO", "--attempts", "2"];
    assert_eq!(upsert("?env=test", &again).code, 0);
    assert_eq!(sync.planner.exchanges().len(), 1);
    let text = std::fs::read_to_string(sync.path("orders.journal")).unwrap();
    assert!(!text.contains("env=test") && !text.contains("x-tenant"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn resumes_with_a_changed_token() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    for token in ["one", "two"] {
        let mut command = sync.upsert(&["--journal", "orders.journal", "--token-env", "ORDERS_TOKEN"]);
        command.env("ORDERS_TOKEN", token);
        assert_eq!(run(command).code, 0, "{token}");
    }
    assert_eq!(sync.planner.exchanges().len(), 1);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn finishes_requests_in_flight_when_interrupted_and_resumes() {
    let sync = slow_site().await;
    let orders = sync.orders(300);
    let child = sync.upsert(JOURNALED).spawn().unwrap();
    sync.received(50).await;
    crate::sync::interrupt(&child);
    let ran = RunResult::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(
        ran.stderr
            .ends_with("martello: interrupted; run the same command again to resume from its journal\n"),
        "{ran:?}"
    );
    let sent = sync.planner.exchanges().len();
    assert!(sent < 290, "{sent}");
    assert_eq!(run(sync.upsert(JOURNALED)).code, 0);
    is_whole(&sync, &orders);
    assert_eq!(sync.planner.exchanges().len(), 300, "what was in flight had come to its end");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_second_interrupt_ends_it_at_once() {
    let sync = SyncFixture::of(Planner::builder().latency(Duration::from_secs(20))).await;
    sync.orders(300);
    let child = sync.upsert(JOURNALED).spawn().unwrap();
    sync.received(1).await;
    let began = tokio::time::Instant::now();
    crate::sync::interrupt(&child);
    tokio::time::sleep(Duration::from_millis(300)).await;
    crate::sync::interrupt(&child);
    let ran = RunResult::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(
        began.elapsed() < Duration::from_secs(5) && ran.stderr.contains("interrupt again to exit at once"),
        "{ran:?}"
    );
}
