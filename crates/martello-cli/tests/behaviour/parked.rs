use martello_planner::Planning;
use serde_json::Value;

use crate::sync::{SyncFixture, run};

/// Polls three plannings, of which two have no order.
async fn with_parked_items() -> SyncFixture {
    let sync = SyncFixture::new().await;
    let now = sync.planner.now();
    for (id, order) in [("p-1", None), ("p-2", Some(r#"{"stops":1}"#)), ("p-3", None)] {
        let mut planning = Planning::new(id, now, now);
        planning.order = order.map(Into::into);
        sync.planner.release(planning);
    }
    let ran = run(sync.poll(&["--once", "--print", "order"]));
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "{\"stops\":1}\n"), "{ran:?}");
    assert_eq!(
        ran.stderr.matches("it lacks the field order, which --print names; parked").count(),
        2,
        "{ran:?}"
    );
    sync
}

fn parked(sync: &SyncFixture, arguments: &[&str]) -> crate::support::RunResult {
    run(sync.martello(&["parked", "--checkpoint", "checkpoint"], arguments))
}

fn listed(sync: &SyncFixture) -> Vec<Value> {
    let ran = parked(sync, &["list", "--json"]);
    serde_json::from_str::<Value>(&ran.stdout).unwrap()["parked"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lists_parked_items_and_prints_them_again() {
    let sync = with_parked_items().await;
    let ran = parked(&sync, &["list"]);
    assert!(
        ran.code == 0 && ran.stdout.contains("p-1") && ran.stdout.contains("it lacks the field order"),
        "{ran:?}"
    );
    let ids: Vec<String> = listed(&sync).iter().map(|parked| parked["id"].to_string()).collect();
    assert_eq!(ids.len(), 2);
    let ran = parked(&sync, &["again", &ids[0], "99"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (1, "1 of 2 parked items will be printed again before the next pass\n")
    );
    let ran = run(sync.poll(&["--once"]));
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 1), "{ran:?}");
    assert_eq!(listed(&sync).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn discarding_requires_confirmation() {
    let sync = with_parked_items().await;
    parked(&sync, &["discard", "--all"]).fails(2, "this would permanently discard 2 parked items");
    assert_eq!(
        parked(&sync, &["discard", "--all", "--dry-run"]).stdout,
        "2 of 2 parked items would be discarded\n"
    );
    assert_eq!(listed(&sync).len(), 2);
    assert_eq!(parked(&sync, &["discard", "--all", "--yes"]).stdout, "2 of 2 parked items discarded\n");
    parked(&sync, &["again", "--all"]).fails(4, "the poll has no parked items");
    parked(&sync, &["again", "7"]).fails(4, "no parked item has one of these ids");
    let ran = run(sync.martello(&["parked", "list", "--checkpoint", "elsewhere"], &[]));
    ran.fails(4, "checkpoint elsewhere does not exist");
}

/// The link to a checkpoint can exist without its target. The parked items are next to the target.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn finds_parked_items_through_a_link() {
    let sync = with_parked_items().await;
    std::os::unix::fs::symlink("checkpoint", sync.path("link")).unwrap();
    std::fs::remove_file(sync.path("checkpoint")).unwrap();
    let ran = run(sync.martello(&["parked", "list", "--checkpoint", "link"], &[]));
    assert!(ran.code == 0 && ran.stdout.contains("p-1"), "{ran:?}");
}
