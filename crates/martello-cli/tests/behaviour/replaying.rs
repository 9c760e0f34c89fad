use std::time::Duration;

use martello_outbox::{End, Reason, State};
use serde_json::json;

use crate::support::{Stage, dead, waiting};

#[tokio::test]
async fn one_is_put_back_and_watched_until_it_arrives() {
    let (stage, ids) = Stage::filled().await;
    let id = ids[0].to_string();
    let mut command = stage.command(&["dead", "replay", &id, "--watch"]);
    let watching = tokio::task::spawn_blocking(move || command.output().unwrap());
    while stage.state(ids[0]).await == State::Dead {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.deliver(End::Done, 200).await;
    let ran = crate::support::Ran::from(watching.await.unwrap());
    let expected = format!("replayed 1 dead letter\n{id} was delivered, 200, Trackingid track-3-200\n");
    assert_eq!((ran.code, ran.stdout), (0, expected));
}

#[tokio::test]
async fn what_dies_again_is_not_well() {
    let (stage, ids) = Stage::filled().await;
    let mut command = stage.command(&["dead", "replay", &ids[0].to_string(), "--watch", "--json"]);
    let watching = tokio::task::spawn_blocking(move || command.output().unwrap());
    while stage.state(ids[0]).await == State::Dead {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.deliver(End::Dead(Reason::Rejected), 422).await;
    let ran = crate::support::Ran::from(watching.await.unwrap());
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &told["entries"][0]["state"]), (1, &json!("dead")));
}

#[tokio::test]
async fn only_a_dead_letter_is_replayed() {
    let (stage, ids) = Stage::filled().await;
    stage.run(&["dead", "replay", &ids[3].to_string()]).fails(4, "is ready, but must be dead");
    stage
        .run(&["dead", "replay", &ids[0].to_string(), "--rate", "1/s"])
        .fails(2, "a rate is for those of a filter");
}

#[tokio::test]
async fn those_of_a_filter_are_a_job_that_can_be_cancelled() {
    let stage = Stage::empty().await;
    let entries = (0..50).map(|at| dead(&format!("https://api.example/orders/{at}"), 422, Reason::Rejected));
    stage.store.enqueue(entries.collect()).await.unwrap();
    let replay = ["dead", "replay", "--host", "api.example", "--rate", "10/s"];
    stage.run(&replay).fails(2, "this would replay 50 dead letters, 10 a second, in 4s: say --yes");
    let dry = stage.run(&[&replay[..], &["--dry-run"]].concat());
    assert_eq!((dry.code, dry.stdout.as_str()), (0, "would replay 50 dead letters, 10 a second, in 4s\n"));

    let job = stage.json(&[&replay[..], &["--yes"]].concat());
    let id = job["id"].as_str().unwrap();
    assert_eq!((job["total"].as_u64(), job["per_second"].as_f64()), (Some(50), Some(10.0)));
    let delivered = stage.deliver(End::Done, 200).await;
    let cancelled = stage.json(&["dead", "replays", "cancel", id]);
    assert_eq!(cancelled["done"].as_u64(), u64::try_from(delivered).ok());
    assert_eq!(cancelled["returned"].as_u64(), u64::try_from(50 - delivered).ok());

    let list = stage.run(&["dead", "replays"]).stdout;
    assert!(list.contains(id) && list.contains("cancelled  host=api.example"), "{list}");
    let watched = stage.run(&["dead", "replays", "watch", id]);
    assert_eq!(watched.code, 1);
    assert!(watched.stdout.contains(&format!("replayed 50: {delivered} delivered, ")), "{watched:?}");
}

#[tokio::test]
async fn a_replay_that_is_not_there_is_named() {
    let (stage, _) = Stage::filled().await;
    let nobody = "01939393-0000-7000-8000-000000000000";
    stage.run(&["dead", "replays", "cancel", nobody]).fails(4, &format!("there is no replay {nobody}"));
    stage.run(&["dead", "replays", "watch", nobody]).fails(4, "there is no replay");
    assert_eq!(stage.run(&["dead", "replays", "cancel", "17"]).code, 2);
    assert_eq!(stage.json(&["dead", "replays"]), json!({"replays": []}));
}

#[tokio::test]
async fn a_newer_write_is_overwritten_only_if_that_is_said() {
    let stage = Stage::empty().await;
    let old = dead("https://api.example/orders/1", 422, Reason::Rejected);
    let id = old.id;
    stage.store.enqueue(vec![old]).await.unwrap();
    stage.store.enqueue(vec![waiting("https://api.example/orders/1")]).await.unwrap();
    assert_eq!(stage.deliver(End::Done, 200).await, 1);

    stage.run(&["dead", "replay", &id.to_string()]).fails(4, "--overwrite replays it all the same");
    stage.run(&["dead", "replay", "--all", "--yes"]).fails(4, "1 of them would overwrite a newer request");
    let shown = stage.run(&["dead", "show", &id.to_string()]).stdout;
    assert!(shown.contains("overtaken       a newer request of its key was delivered"), "{shown}");
    assert_eq!(stage.state(id).await, State::Dead);
    assert_eq!(stage.run(&["dead", "replay", &id.to_string(), "--overwrite"]).code, 0);
    assert_eq!(stage.state(id).await, State::Ready);
}

#[cfg(unix)]
#[tokio::test]
async fn interrupted_it_goes_on() {
    use std::{io::Read, process::Command};
    let (stage, ids) = Stage::filled().await;
    let mut command = stage.command(&["dead", "replay", "--host", "api.example", "--yes", "--watch"]);
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while stage.state(ids[0]).await == State::Dead {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It may not watch yet.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("the replay goes on: `martello dead replays watch "), "{said}");
    assert_eq!(stage.store.replays().await.unwrap()[0].pending, 2);
}
