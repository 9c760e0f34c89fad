use std::{io::Write, process::Stdio, time::Duration};

use martello_planner::{Faults, Planner};
use serde_json::{Value, json};

use crate::{
    support::{RunResult, StoreFixture},
    sync::{SyncFixture, run, sorted, within},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn writes_and_reports_every_line_over_a_bad_network() {
    let sync = SyncFixture::of(Planner::builder().seed(7).faults(Faults::bad_network())).await;
    let orders = sync.orders(200);
    let ran = run(sync.upsert(&["--report", "out.ndjson", "--attempts", "12"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.starts_with("200 entities in "), "{ran:?}");
    sync.holds(&orders);
    let mut rows: Vec<u64> =
        sync.lines("out.ndjson").iter().map(|line| line["row"].as_u64().unwrap()).collect();
    rows.sort_unstable();
    assert_eq!(rows, (0..200).collect::<Vec<_>>());
    assert!(sync.planner.most_in_flight() <= 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reports_an_invalid_line_as_rejected_and_continues() {
    let sync = SyncFixture::of(Planner::builder().check(|body| {
        if body.windows(2).any(|two| two == b":-") {
            Err("stops must not be negative".into())
        } else {
            Ok(())
        }
    }))
    .await;
    let lines = [
        r#"{"business_id":"a","stops":1}"#,
        r#"{"business_id":"b""#,
        r#"{"stops":1}"#,
        r#"{"business_id":"c/d"}"#,
        "[1]",
        "",
        r#"{"business_id":"e","stops":-1}"#,
        r#"{"business_id":7}"#,
    ];
    std::fs::write(sync.path("orders.ndjson"), lines.join("\n")).unwrap();
    let ran = run(sync.upsert(&["--report", "out.ndjson"]));
    assert_eq!(ran.code, 1, "{ran:?}");
    let mut records = sync.lines("out.ndjson");
    records.sort_by_key(|record| record["row"].as_u64());
    let output: Vec<_> = records
        .iter()
        .map(|record| (record["outcome"].as_str().unwrap(), record["reason"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        output,
        [
            ("created", ""),
            ("rejected", "line 2: invalid JSON at column 18"),
            ("rejected", "line 3: no field business_id, which the URL needs"),
            (
                "rejected",
                "line 4: field business_id \"c/d\" is not valid in the URL: use only letters, digits and .~-_"
            ),
            ("rejected", "line 5: not a JSON object"),
            ("rejected", "line 6: invalid JSON at column 0"),
            ("rejected", ""),
            ("created", ""),
        ]
    );
    assert_eq!(records[6]["body"], r#"{"error":"stops must not be negative"}"#);
    assert!(ran.stdout.contains("row 2: rejected: line 3: no field business_id"), "{ran:?}");
    assert_eq!(sync.planner.entities().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn temporary_failures_exit_with_5() {
    let sync = SyncFixture::new().await;
    sync.orders(3);
    sync.planner.break_down();
    let ran = run(sync.upsert(&["--attempts", "1", "--json"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (5, ""), "{ran:?}");
    let output: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&output["failed"], &output["outcomes"]), (&json!(3), &json!({ "exhausted": 3 })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn stores_temporary_failures_in_the_outbox() {
    let (sync, fixture) = (SyncFixture::new().await, StoreFixture::empty().await);
    sync.orders(3);
    sync.planner.break_down();
    let ran = run(sync.upsert(&["--attempts", "1", "--outbox", &fixture.named, "--report", "out.ndjson"]));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(sync.lines("out.ndjson").iter().all(|record| record["outcome"] == "deferred"));
    assert_eq!(fixture.json(&["outbox", "list"])["entries"].as_array().unwrap().len(), 3);
    let mut command = sync.upsert(&["--attempts", "1", "--outbox"]);
    command.env("MARTELLO_STORE", &fixture.named);
    assert_eq!(run(command).code, 0);
    run(sync.upsert(&["--outbox", "sqlite:nowhere.db"])).fails(3, "store nowhere.db does not exist");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reads_from_and_writes_to_a_pipe() {
    let sync = SyncFixture::new().await;
    let url = format!("{}{{id}}", sync.planner.uri("/orders/"));
    let mut command = sync.martello(&["upsert", "--url", &url, "--input", "-", "--report", "-"], &[]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"id\":1}\r\n{\"id\":2}").unwrap();
    let ran = RunResult::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.starts_with("2 entities in "), "{ran:?}");
    assert_eq!(ran.stdout.lines().filter(|line| line.contains(r#""outcome":"created""#)).count(), 2);
    assert_eq!(sync.planner.entity("/orders/1").unwrap().body, r#"{"id":1}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn checks_arguments_and_files_before_the_first_request() {
    let sync = SyncFixture::new().await;
    sync.orders(3);
    let url = sync.planner.uri("/orders").to_string();
    let upsert = |arguments: &[&str]| run(sync.martello(&["upsert"], arguments));
    upsert(&["--url", &url, "--input", "orders.ndjson"]).fails(2, "--url has no {field}");
    upsert(&["--url", "ftp://x/{id}", "--input", "orders.ndjson"]).fails(2, "--url is invalid");
    upsert(&["--url", &(url + "/{id}"), "--input", "nothing.ndjson"])
        .fails(7, "failed to read the input nothing.ndjson");
    run(sync.upsert(&["--report", "./orders.ndjson"])).fails(2, "which would be overwritten");
    run(sync.upsert(&["--report", "no/where"])).fails(7, "failed to write the report no/where");
    std::fs::write(sync.path("words"), "no journal\n").unwrap();
    run(sync.upsert(&["--journal", "words"])).fails(7, "words is not a journal");
    let ran = run(sync.upsert(&["--header", "Authorization: Bearer s3cret"]));
    assert!(ran.code == 2 && ran.stderr.contains("--token-env"), "{ran:?}");
    assert!(sync.planner.exchanges().is_empty());
}

/// `MARTELLO_TEST_ORDERS` is the number of orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn poll_returns_the_orders_that_upsert_wrote_over_a_bad_network() {
    let count = std::env::var("MARTELLO_TEST_ORDERS").map_or(300, |count| count.parse().unwrap());
    let planner =
        Planner::builder().seed(11).faults(Faults::bad_network()).plan_orders(Duration::from_secs(1));
    let sync = SyncFixture::of(planner).await;
    let orders = sync.orders(count);
    let ran = run(sync.upsert(&["--report", "out.ndjson", "--attempts", "12"]));
    assert_eq!(ran.code, 0, "{ran:?}");
    within(async || sync.planner.released() == usize::try_from(count).unwrap()).await;
    let ran = run(sync.poll(&["--once", "--print", "order", "--attempts", "12"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(sorted(&ran.stdout), sorted(&orders));
}
