use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use martello_poll::{
    CheckpointStore, Event, FileCheckpoint, ItemIssueKind, ItemPosition, MemoryCheckpoint, Parked,
    ParkedFilter, PollErrorKind, Poller,
};

use tokio::{task::JoinSet, time::Instant};

use crate::support::{Answer, Seen, Server, at, batch, item, next, options, page, poller, source};

fn of(page: u32, item: u32) -> ItemPosition {
    ItemPosition { page, item }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_cannot_be_told_from_others_is_parked_with_its_place_and_the_rest_goes_on() {
    let bad = [
        (r#"{"updated_at":"2024-11-29T09:00:00Z"}"#, ItemIssueKind::NoKey),
        (r#"{"id":null,"updated_at":"2024-11-29T09:00:00Z"}"#, ItemIssueKind::NoKey),
        (r#"{"id":[],"updated_at":"2024-11-29T09:00:00Z"}"#, ItemIssueKind::InvalidKey),
        (r#"{"id":"","updated_at":"2024-11-29T09:00:00Z"}"#, ItemIssueKind::NoKey),
        (r#"{"id":"x"}"#, ItemIssueKind::NoStamp),
        (r#"{"id":"x","updated_at":"yesterday"}"#, ItemIssueKind::InvalidStamp),
        (r#"{"id":"x","updated_at":1732874400}"#, ItemIssueKind::InvalidStamp),
        (r#"{"id":"x","updated_at":"2024-11-29T09:00:00"}"#, ItemIssueKind::StampWithoutZone),
        ("7", ItemIssueKind::NoKey),
    ];
    let list = bad.map(|(item, _)| item).join(",") + "," + &item("a", "09:00:00");
    let server = Server::new(move |_| page("10:00:00", &list, ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    let Event::Batch(first) = poller.next().await.unwrap().unwrap() else { panic!() };
    let issues: Vec<_> = first.issues().iter().map(|issue| (issue.position, issue.kind)).collect();
    assert_eq!(issues, (0..).zip(bad).map(|(index, (_, kind))| (of(1, index), kind)).collect::<Vec<_>>());
    assert_eq!(first.items().len(), 1);
    first.ack().await.unwrap();
    let parked = store.parked(ParkedFilter::default()).await.unwrap();
    assert_eq!(parked.len(), bad.len());
    assert!(bad.iter().all(|(_, kind)| kind.is_parked()));
    assert_eq!(
        (parked[4].item.json.as_str(), parked[4].item.reason.as_str()),
        (r#"{"id":"x"}"#, "the stamp is missing")
    );

    // Listed once more, they are neither told nor parked once more.
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(1));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    assert_eq!(store.parked(ParkedFilter::default()).await.unwrap().len(), bad.len());
}

#[tokio::test(start_paused = true)]
async fn a_page_of_nothing_but_issues_is_reported() {
    let server = Server::new(|_| page("10:00:00", "{}", ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    assert_eq!(next(&mut poller).await, batch(&[]));
    assert_eq!(store.parked(ParkedFilter::default()).await.unwrap().len(), 1);
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
}

#[tokio::test(start_paused = true)]
async fn a_stamp_from_the_future_is_told_and_delivered_once_and_moves_nothing() {
    for dated in [true, false] {
        let list =
            [item("a", "09:00:00"), r#"{"id":"f","updated_at":"2999-01-01T00:00:00Z"}"#.to_owned()].join(",");
        let server = Server::new(move |_| match dated {
            true => page("10:00:00", &list, ""),
            false => Answer::ok(&format!(r#"{{"data":[{list}]}}"#)),
        });
        let store = MemoryCheckpoint::default();
        let mut poller = poller(&server, &store);
        let Event::Batch(first) = poller.next().await.unwrap().unwrap() else { panic!() };
        assert_eq!(first.issues()[0].to_string(), "page 1, item 1: the stamp is ahead of the server's clock");
        assert_eq!(first.items().len(), 2);
        first.ack().await.unwrap();
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(2));
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
        let watermark = store.checkpoint().unwrap().watermark.unwrap().to_string();
        assert_eq!(watermark, at(if dated { "10:00:00" } else { "09:00:00" }));
        assert!(store.parked(ParkedFilter::default()).await.unwrap().is_empty());
        assert!(!ItemIssueKind::StampInFuture.is_parked());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stamp_without_a_zone_can_be_taken_for_utc() {
    let server = Server::new(|_| page("10:00:00", r#"{"id":5,"updated_at":"2024-11-29T09:00:00"}"#, ""));
    let mut poller =
        Poller::new(server, source().stamps_are_utc(), MemoryCheckpoint::default()).with_options(options());
    let Event::Batch(first) = poller.next().await.unwrap().unwrap() else { panic!() };
    let item = &first.items()[0];
    assert_eq!((item.key(), item.stamp().unwrap().to_string()), ("5", at("09:00:00")));
}

/// Of 20,000 items without a key, all different.
fn invalid_items() -> String {
    let items: Vec<String> =
        (0..20_000).map(|n| format!(r#"{{"n":{n},"text":"{}"}}"#, "x".repeat(200))).collect();
    items.join(",")
}

/// On one thread, beside something that wants to run all the time.
#[tokio::test]
async fn a_page_of_20_000_invalid_items_is_scanned_quickly_and_yields_to_other_tasks() {
    let list = invalid_items();
    let (turns, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counting, at_answer, noting) = (turns.clone(), turns.clone(), answered.clone());
    let server = Server::new(move |_| {
        noting.store(at_answer.load(Ordering::Relaxed), Ordering::Relaxed);
        page("10:00:00", &list, "")
    });
    let mut others = JoinSet::new();
    others.spawn(async move {
        loop {
            counting.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let store = FileCheckpoint::new(folder.path().join("checkpoint"));
    let mut poller = Poller::new(server, source(), store).with_options(options());
    let began = Instant::now();
    let first = poller.next().await.unwrap();
    let since_answer = turns.load(Ordering::Relaxed) - answered.load(Ordering::Relaxed);
    assert!(since_answer >= 10, "{since_answer}");
    let Some(Event::Batch(first)) = first else { panic!() };
    assert!(first.items().is_empty());
    // One more than may be parked: all the others would be refused with it.
    assert_eq!(first.issues().len(), Parked::MAX_ITEMS + 1);
    let error = first.ack().await.unwrap_err();
    assert_eq!(error.kind(), PollErrorKind::Checkpoint);
    assert!(matches!(next(&mut poller).await, Seen::Failed(PollErrorKind::Checkpoint, _)));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_poll_that_is_stopped_ends_in_the_middle_of_a_page_of_invalid_items() {
    let list = invalid_items();
    let server = Server::new(move |_| page("10:00:00", &list, ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    let stopper = poller.stopper();
    let asked = server.clone();
    let mut stopping = JoinSet::new();
    stopping.spawn(async move {
        while asked.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        // The page is there now; its items are looked at a thousand at a time.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        stopper.stop();
    });
    assert_eq!(next(&mut poller).await, Seen::Stopped);
    stopping.join_next().await.unwrap().unwrap();
    assert_eq!(store.checkpoint(), None);
}

#[tokio::test(start_paused = true)]
async fn next_can_be_dropped_in_the_middle_of_a_page_and_nothing_of_it_is_lost() {
    let items: Vec<String> = (0..5_000).map(|n| item(&n.to_string(), "09:59:00")).collect();
    let list = items.join(",");
    let server = Server::new(move |_| page("10:00:00", &list, ""));
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    let mut dropped = 0;
    let seen = loop {
        tokio::select! {
            biased;
            seen = next(&mut poller) => break seen,
            () = tokio::task::yield_now() => dropped += 1,
        }
    };
    let Seen::Batch(keys) = seen else { panic!("{seen:?}") };
    assert_eq!(keys, (0..5_000).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(dropped > 0 && server.asked().len() == 1, "{dropped}");
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(5_000));
}
