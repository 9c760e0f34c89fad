use std::time::Duration;

use martello_testkit::planner::Planner;

use crate::{
    support::Ran,
    sync::{Site, run},
};

const JOURNALED: &[&str] = &["--journal", "orders.journal", "--report", "out.ndjson"];

async fn slow_site() -> Site {
    Site::of(Planner::builder().latency(Duration::from_millis(10))).await
}

/// One record for each, and nothing was sent twice but what was in flight.
fn is_whole(site: &Site, orders: &str) {
    site.holds(orders);
    let mut rows: Vec<u64> =
        site.lines("out.ndjson").iter().map(|line| line["row"].as_u64().unwrap()).collect();
    rows.sort_unstable();
    let all = u64::try_from(orders.lines().count()).unwrap();
    assert_eq!(rows, (0..all).collect::<Vec<_>>());
    let twice = site.planner.entities().keys().filter(|path| site.planner.receipts(path) > 1).count();
    assert!(twice <= 5, "{twice} were sent twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_in_the_middle_it_goes_on_from_its_journal() {
    let site = slow_site().await;
    let orders = site.orders(300);
    let mut child = site.upsert(JOURNALED).spawn().unwrap();
    site.received(100).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let before = site.planner.entities().len();
    assert!((90..290).contains(&before), "{before}");
    let ran = run(site.upsert(JOURNALED));
    assert_eq!(ran.code, 0, "{ran:?}");
    is_whole(&site, &orders);
    site.orders(301);
    run(site.upsert(JOURNALED)).fails(7, "was begun with another input: ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_journal_is_of_one_place() {
    let site = Site::new().await;
    site.orders(1);
    assert_eq!(run(site.upsert(&["--journal", "orders.journal"])).code, 0);
    let ran = run(site.upsert(&["--journal", "orders.journal", "--method", "PATCH"]));
    ran.fails(7, "the journal orders.journal was begun with another method (PUT)");
    ran.fails(7, "name another journal, or repeat the run as it was begun");
}

/// What was sent to one place, or for one tenant, was not sent to another.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_journal_is_of_one_url_with_its_query_and_of_one_set_of_headers() {
    let site = Site::new().await;
    site.orders(1);
    let upsert = |query: &str, arguments: &[&str]| {
        let url = format!("{}{{business_id}}{query}", site.planner.uri("/orders/"));
        let first = ["upsert", "--url", &url, "--input", "orders.ndjson", "--journal", "orders.journal"];
        let mut command = site.martello(&first, arguments);
        command.env("ONE", "one").env("TWO", "two");
        run(command)
    };
    let of_a = ["--header", "x-tenant: A", "--header-env", "x-api-key=ONE"];
    assert_eq!(upsert("?env=test", &of_a).code, 0);
    upsert("?env=prod", &of_a).fails(7, "was begun with another URL: ");
    upsert("?env=test", &["--header", "x-tenant: B"]).fails(7, "was begun with other headers: ");
    upsert("", &[]).fails(7, "was begun with another URL and other headers: ");
    // A credential that was changed since is no other run.
    let again = ["--header", "X-Tenant: A", "--header-env", "x-api-key=TWO", "--attempts", "2"];
    assert_eq!(upsert("?env=test", &again).code, 0);
    assert_eq!(site.planner.exchanges().len(), 1);
    let text = std::fs::read_to_string(site.path("orders.journal")).unwrap();
    assert!(!text.contains("env=test") && !text.contains("x-tenant"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_that_was_changed_is_no_other_run() {
    let site = Site::new().await;
    site.orders(1);
    for token in ["one", "two"] {
        let mut command = site.upsert(&["--journal", "orders.journal", "--token-env", "ORDERS_TOKEN"]);
        command.env("ORDERS_TOKEN", token);
        assert_eq!(run(command).code, 0, "{token}");
    }
    assert_eq!(site.planner.exchanges().len(), 1);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn interrupted_it_ends_what_is_in_flight_and_goes_on_later() {
    let site = slow_site().await;
    let orders = site.orders(300);
    let child = site.upsert(JOURNALED).spawn().unwrap();
    site.received(50).await;
    crate::sync::interrupt(&child);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(
        ran.stderr.ends_with("martello: interrupted: the same command goes on from its journal\n"),
        "{ran:?}"
    );
    let sent = site.planner.exchanges().len();
    assert!(sent < 290, "{sent}");
    assert_eq!(run(site.upsert(JOURNALED)).code, 0);
    is_whole(&site, &orders);
    assert_eq!(site.planner.exchanges().len(), 300, "what was in flight had come to its end");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn interrupted_twice_it_ends_at_once() {
    let site = Site::of(Planner::builder().latency(Duration::from_secs(20))).await;
    site.orders(300);
    let child = site.upsert(JOURNALED).spawn().unwrap();
    site.received(1).await;
    let began = tokio::time::Instant::now();
    crate::sync::interrupt(&child);
    tokio::time::sleep(Duration::from_millis(300)).await;
    crate::sync::interrupt(&child);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{ran:?}");
    assert!(
        began.elapsed() < Duration::from_secs(5) && ran.stderr.contains("once more ends at once"),
        "{ran:?}"
    );
}
