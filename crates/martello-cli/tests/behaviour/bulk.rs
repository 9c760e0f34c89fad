use martello_outbox::State;
use serde_json::json;

use crate::support::Stage;

#[tokio::test]
async fn requests_that_wait_are_cancelled_by_id() {
    let (stage, ids) = Stage::filled().await;
    let id = ids[3].to_string();
    assert_eq!(stage.run(&["outbox", "cancel", &id, "--dry-run"]).stdout, "would cancel 1 waiting request\n");
    assert_eq!(stage.state(ids[3]).await, State::Ready);
    assert_eq!(stage.run(&["outbox", "cancel", &id]).stdout, "cancelled 1 waiting request\n");
    assert_eq!(stage.state(ids[3]).await, State::Cancelled);
    stage.run(&["outbox", "cancel", &id]).fails(4, "is cancelled, but must be ready");
}

#[tokio::test]
async fn of_several_those_that_can_be_are_changed_and_the_others_named() {
    let (stage, ids) = Stage::filled().await;
    let (dead, ready) = (ids[0].to_string(), ids[3].to_string());
    let ran = stage.run(&["outbox", "bury", &dead, &ready]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "buried 1 of 2 waiting requests\n"));
    assert_eq!(ran.stderr, format!("martello: entry {dead} is dead, but must be ready\n"));
    assert_eq!(stage.state(ids[3]).await, State::Dead);
}

#[tokio::test]
async fn many_are_changed_only_once_somebody_is_sure() {
    let (stage, ids) = Stage::filled().await;
    let filter = ["dead", "keep", "--host", "api.example"];
    stage.run(&filter).fails(2, "this would keep 2 dead letters: say --yes");
    assert_eq!(stage.run(&[&filter[..], &["--dry-run"]].concat()).stdout, "would keep 2 dead letters\n");
    assert!(!stage.store_keeps(0, &ids).await);
    let told = stage.json(&[&filter[..], &["--yes"]].concat());
    assert_eq!(told, json!({"verb": "kept", "dry_run": false, "matched": 2, "done": 2, "failed": []}));
    assert!(stage.store_keeps(0, &ids).await && !stage.store_keeps(2, &ids).await);
    let ran = stage.run(&["dead", "unkeep", "--all", "--yes"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "no longer kept: 3 dead letters\n"));
    assert!(!stage.store_keeps(0, &ids).await);
}

#[tokio::test]
async fn more_than_a_page_is_changed() {
    let stage = Stage::empty().await;
    let entries = (0..450).map(|at| crate::support::waiting(&format!("https://api.example/orders/{at}")));
    stage.store.enqueue(entries.collect()).await.unwrap();
    let ran = stage.run(&["outbox", "cancel", "--all", "--yes"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "cancelled 450 waiting requests\n"));
}

#[tokio::test]
async fn what_is_meant_must_be_said() {
    let (stage, ids) = Stage::filled().await;
    let id = ids[3].to_string();
    stage.run(&["outbox", "cancel"]).fails(2, "name ids or a filter, or --all");
    stage.run(&["outbox", "cancel", &id, "--all"]).fails(2, "not both");
    stage.run(&["outbox", "cancel", &id, "--status", "503"]).fails(2, "not both");
    stage.run(&["dead", "keep", "--all", "--status", "503"]).fails(2, "not both");
    stage.run(&["dead", "keep", "--status", "418", "--yes"]).fails(4, "matches none of the dead letters");
}
