use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::Duration,
};

use martello_outbox::{
    Reason, State,
    store::{End, HoldChange},
};
use serde_json::json;

use crate::support::{RunResult, StoreFixture, dead, waiting};

#[tokio::test]
async fn replays_one_and_watches_it_until_delivered() {
    let (fixture, ids) = StoreFixture::filled().await;
    let id = ids[0].to_string();
    let mut command = fixture.command(&["dead", "replay", &id, "--watch"]);
    let watching = tokio::task::spawn_blocking(move || command.output().unwrap());
    while fixture.state(ids[0]).await == State::Dead {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fixture.deliver(End::Done, 200).await;
    let ran = RunResult::from(watching.await.unwrap());
    let expected = format!("replayed 1 dead letter\n{id} was delivered, 200, Trackingid track-3-200\n");
    assert_eq!((ran.code, ran.stdout), (0, expected));
}

#[tokio::test]
async fn exits_with_1_when_an_entry_is_dead_again() {
    let (fixture, ids) = StoreFixture::filled().await;
    let mut command = fixture.command(&["dead", "replay", &ids[0].to_string(), "--watch", "--json"]);
    let watching = tokio::task::spawn_blocking(move || command.output().unwrap());
    while fixture.state(ids[0]).await == State::Dead {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fixture.deliver(End::Dead(Reason::Rejected), 422).await;
    let ran = RunResult::from(watching.await.unwrap());
    let output: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &output["entries"][0]["state"]), (1, &json!("dead")));
}

#[tokio::test]
async fn replays_dead_letters_only() {
    let (fixture, ids) = StoreFixture::filled().await;
    fixture.run(&["dead", "replay", &ids[3].to_string()]).fails(4, "is ready, but must be dead");
    fixture
        .run(&["dead", "replay", &ids[0].to_string(), "--rate", "1/s"])
        .fails(2, "--rate applies to a filter or --all");
}

#[tokio::test]
async fn a_replay_by_filter_can_be_cancelled() {
    let fixture = StoreFixture::empty().await;
    let entries = (0..50).map(|at| dead(&format!("https://api.example/orders/{at}"), 422, Reason::Rejected));
    fixture.store.enqueue(entries.collect()).await.unwrap();
    let replay = ["dead", "replay", "--host", "api.example", "--rate", "10/s"];
    fixture.run(&replay).fails(2, "this would replay 50 dead letters at 10 per second, taking 4s: add --yes");
    let dry = fixture.run(&[&replay[..], &["--dry-run"]].concat());
    assert_eq!(
        (dry.code, dry.stdout.as_str()),
        (0, "would replay 50 dead letters at 10 per second, taking 4s\n")
    );

    let job = fixture.json(&[&replay[..], &["--yes"]].concat());
    let id = job["id"].as_str().unwrap();
    assert_eq!((job["total"].as_u64(), job["per_second"].as_f64()), (Some(50), Some(10.0)));
    let delivered = fixture.deliver(End::Done, 200).await;
    let cancelled = fixture.json(&["dead", "replays", "cancel", id]);
    assert_eq!(cancelled["done"].as_u64(), u64::try_from(delivered).ok());
    assert_eq!(cancelled["returned"].as_u64(), u64::try_from(50 - delivered).ok());

    let list = fixture.run(&["dead", "replays"]).stdout;
    assert!(list.contains(id) && list.contains("cancelled  host=api.example"), "{list}");
    let watched = fixture.run(&["dead", "replays", "watch", id]);
    assert_eq!(watched.code, 1);
    assert!(
        watched.stdout.contains(&format!("replayed 50 dead letters: {delivered} delivered, ")),
        "{watched:?}"
    );
}

#[tokio::test]
async fn reports_an_unknown_replay() {
    let (fixture, _) = StoreFixture::filled().await;
    let unknown = "01939393-0000-7000-8000-000000000000";
    fixture.run(&["dead", "replays", "cancel", unknown]).fails(4, &format!("there is no replay {unknown}"));
    fixture.run(&["dead", "replays", "watch", unknown]).fails(4, "there is no replay");
    assert_eq!(fixture.run(&["dead", "replays", "cancel", "17"]).code, 2);
    assert_eq!(fixture.json(&["dead", "replays"]), json!({"replays": []}));
}

#[tokio::test]
async fn overwrites_a_newer_request_only_with_overwrite() {
    let fixture = StoreFixture::empty().await;
    let old = dead("https://api.example/orders/1", 422, Reason::Rejected);
    let id = old.id;
    fixture.store.enqueue(vec![old]).await.unwrap();
    fixture.store.enqueue(vec![waiting("https://api.example/orders/1")]).await.unwrap();
    assert_eq!(fixture.deliver(End::Done, 200).await, 1);

    fixture.run(&["dead", "replay", &id.to_string()]).fails(4, "add --overwrite to replay it anyway");
    fixture
        .run(&["dead", "replay", "--all", "--yes"])
        .fails(4, "1 dead letter would overwrite a newer request");
    let shown = fixture.run(&["dead", "show", &id.to_string()]).stdout;
    assert!(shown.contains("overtaken       a newer request of its order key was delivered"), "{shown}");
    assert_eq!(fixture.state(id).await, State::Dead);
    assert_eq!(fixture.run(&["dead", "replay", &id.to_string(), "--overwrite"]).code, 0);
    assert_eq!(fixture.state(id).await, State::Ready);
}

#[cfg(unix)]
#[tokio::test]
async fn a_replay_continues_after_an_interrupt() {
    use std::{io::Read, process::Command};
    let (fixture, ids) = StoreFixture::filled().await;
    let mut command = fixture.command(&["dead", "replay", "--host", "api.example", "--yes", "--watch"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while fixture.state(ids[0]).await == State::Dead {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The command may not have started to watch yet.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(stderr.contains("the replay continues. To watch it: martello dead replays watch "), "{stderr}");
    assert_eq!(fixture.store.replays().await.unwrap()[0].pending, 2);
}

/// Returns the first line on stderr, then interrupts the command.
#[cfg(unix)]
fn first_line(mut child: Child) -> String {
    let mut stderr = String::new();
    let read = BufReader::new(child.stderr.take().unwrap()).read_line(&mut stderr);
    crate::sync::interrupt(&child);
    read.unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    stderr
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn watch_reports_pauses_and_holds() {
    let watch = |fixture: &StoreFixture, arguments: &[&str]| {
        let mut command = fixture.command(&[&["dead", "replay", "--watch"], arguments].concat());
        first_line(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    };
    for by_id in [true, false] {
        let (fixture, ids) = StoreFixture::filled().await;
        let id = ids[0].to_string();
        let named: &[&str] = if by_id { &[&id] } else { &["--host", "api.example", "--yes"] };
        fixture.run(&["outbox", "pause", "default", "--why", "their release"]);
        let stderr = watch(&fixture, named);
        let expected =
            "queue default is paused: their release; to end this: martello outbox resume default\n";
        assert_eq!(stderr, format!("martello: {expected}"));

        let (fixture, ids) = StoreFixture::filled().await;
        let id = ids[0].to_string();
        let named: &[&str] = if by_id { &[&id] } else { &["--host", "api.example", "--yes"] };
        fixture
            .hold(HoldChange::For {
                holds_in_row: 0,
                wait: Duration::from_secs(600),
                why: "503 thrice".into(),
            })
            .await;
        let stderr = watch(&fixture, named);
        assert!(
            stderr.contains("martello: api.example is held until ") && stderr.contains(": 503 thrice"),
            "{stderr}"
        );
    }
}

#[tokio::test]
async fn reports_entries_of_a_filter_that_are_dead_again() {
    let fixture = StoreFixture::empty().await;
    let entries = (0..25).map(|at| dead(&format!("https://api.example/orders/{at}"), 503, Reason::Exhausted));
    let entries: Vec<_> = entries.collect();
    let ids: Vec<String> = entries.iter().map(|entry| entry.id.to_string()).collect();
    fixture.store.enqueue(entries).await.unwrap();
    let mut command = fixture.command(&["dead", "replay", "--all", "--yes", "--watch", "--rate", "10000/s"]);
    let watching = tokio::task::spawn_blocking(move || command.output().unwrap());
    let mut delivered = 0;
    while delivered < 25 {
        delivered += fixture.deliver(End::Dead(Reason::Rejected), 422).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ran = RunResult::from(watching.await.unwrap());
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((ran.code, lines[0]), (1, "replayed 25 dead letters: 0 delivered, 25 dead again"), "{ran:?}");
    let output = |id: &String| format!("{id} is dead again: rejected, 422, Trackingid track-3-422");
    let known: Vec<String> = ids.iter().map(output).collect();
    assert!(
        lines.len() == 21 && lines[1..].iter().all(|line| known.iter().any(|known| known == line)),
        "{ran:?}"
    );
    let job = fixture.store.replays().await.unwrap()[0].id;
    assert_eq!(ran.stderr, format!("5 more; to list them: martello dead list --job {job}\n"));

    let mut command = fixture.command(&["dead", "replays", "watch", &job.to_string(), "--json"]);
    let output: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!((&output["dead"], output["dead_again"].as_array().unwrap().len()), (&json!(25), 20));
    assert_eq!(output["dead_again"][0]["last_tracking_id"], "track-3-422");
}
