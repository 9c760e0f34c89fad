use martello_outbox::State;
use serde_json::json;

use crate::support::StoreFixture;

#[tokio::test]
async fn cancels_waiting_requests_by_id() {
    let (fixture, ids) = StoreFixture::filled().await;
    let id = ids[3].to_string();
    assert_eq!(
        fixture.run(&["outbox", "cancel", &id, "--dry-run"]).stdout,
        "would cancel 1 waiting request\n"
    );
    assert_eq!(fixture.state(ids[3]).await, State::Ready);
    assert_eq!(fixture.run(&["outbox", "cancel", &id]).stdout, "cancelled 1 waiting request\n");
    assert_eq!(fixture.state(ids[3]).await, State::Cancelled);
    fixture.run(&["outbox", "cancel", &id]).fails(4, "is cancelled, but must be ready");
}

#[tokio::test]
async fn changes_valid_entries_and_reports_the_others() {
    let (fixture, ids) = StoreFixture::filled().await;
    let (dead, ready) = (ids[0].to_string(), ids[3].to_string());
    let ran = fixture.run(&["outbox", "dead-letter", &dead, &ready]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "dead-lettered 1 of 2 waiting requests\n"));
    assert_eq!(ran.stderr, format!("martello: entry {dead} is dead, but must be ready\n"));
    assert_eq!(fixture.state(ids[3]).await, State::Dead);
}

#[tokio::test]
async fn changes_by_filter_require_confirmation() {
    let (fixture, ids) = StoreFixture::filled().await;
    let filter = ["dead", "protect", "--host", "api.example"];
    fixture.run(&filter).fails(2, "this would protect 2 dead letters: add --yes");
    assert_eq!(fixture.run(&[&filter[..], &["--dry-run"]].concat()).stdout, "would protect 2 dead letters\n");
    assert!(!fixture.store_keeps(0, &ids).await);
    let output = fixture.json(&[&filter[..], &["--yes"]].concat());
    assert_eq!(output, json!({"verb": "protected", "dry_run": false, "matched": 2, "done": 2, "failed": []}));
    assert!(fixture.store_keeps(0, &ids).await && !fixture.store_keeps(2, &ids).await);
    let ran = fixture.run(&["dead", "unprotect", "--all", "--yes"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "unprotected 3 dead letters\n"));
    assert!(!fixture.store_keeps(0, &ids).await);
}

#[tokio::test]
async fn changes_more_than_one_page_of_entries() {
    let fixture = StoreFixture::empty().await;
    let entries = (0..450).map(|at| crate::support::waiting(&format!("https://api.example/orders/{at}")));
    fixture.store.enqueue(entries.collect()).await.unwrap();
    let ran = fixture.run(&["outbox", "cancel", "--all", "--yes"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "cancelled 450 waiting requests\n"));
}

#[tokio::test]
async fn requires_ids_a_filter_or_all() {
    let (fixture, ids) = StoreFixture::filled().await;
    let id = ids[3].to_string();
    fixture.run(&["outbox", "cancel"]).fails(2, "give ids, a filter, or --all");
    fixture.run(&["outbox", "cancel", &id, "--all"]).fails(2, "not both");
    fixture.run(&["outbox", "cancel", &id, "--status", "503"]).fails(2, "not both");
    fixture.run(&["dead", "protect", "--all", "--status", "503"]).fails(2, "not both");
    fixture
        .run(&["dead", "protect", "--status", "418", "--yes"])
        .fails(4, "no dead letters match the filter");
}
