//! A start that the process computes each time it starts, such as an hour ago.

use std::{fs, time::Duration};

use jiff::Timestamp;
use martello_poll::{
    Acquired, Checkpoint, CheckpointStore, Event, FileCheckpoint, MemoryCheckpoint, PollErrorKind,
    PollOptions, Poller, ResyncReason, Save,
};
use tokio::time::Instant;

use crate::support::{Answer, Seen, Server, at, batch, item, next, options, page, source};

fn moment(time: &str) -> Timestamp {
    at(time).parse().unwrap()
}

/// A process whose clock says that it is to begin at this moment.
fn poller(server: &Server, store: &MemoryCheckpoint, from: &str) -> Poller {
    let source = source().everything_from(moment(from));
    Poller::new(server.clone(), source, store.clone()).with_options(options())
}

async fn stop(mut poller: Poller) {
    poller.stopper().stop();
    assert_eq!(next(&mut poller).await, Seen::Stopped);
}

async fn resynced(poller: &mut Poller, expected: ResyncReason, hours: Option<u64>) {
    let Some(Event::Resync { gap, reason, .. }) = poller.next().await.unwrap() else { panic!() };
    assert_eq!((reason, gap), (expected, hours.map(|hours| Duration::from_secs(hours * 3_600))));
}

fn since(time: &str) -> String {
    format!("since=2024-11-29T{}.000Z", time.replace(':', "%3A"))
}

fn start(store: &MemoryCheckpoint) -> Option<Timestamp> {
    store.checkpoint()?.start
}

#[tokio::test(start_paused = true)]
async fn the_start_is_kept_before_the_first_request_and_asked_from_after_a_restart() {
    let store = MemoryCheckpoint::default();
    let kept = store.clone();
    let server = Server::new(move |n| {
        assert_eq!(start(&kept), Some(moment("09:00:00")));
        match n {
            0 => page("10:00:00", &item("a", "09:10:00"), "b"),
            1 => Answer::status(500),
            _ => page("11:00:00", &[item("a", "09:10:00"), item("b", "09:20:00")].join(","), ""),
        }
    });
    let mut first = poller(&server, &store, "09:00:00");
    assert_eq!(next(&mut first).await, batch(&["a"]));
    assert!(matches!(next(&mut first).await, Seen::Failed(PollErrorKind::Page, _)));
    // A crash: the lease expires, and nothing is saved.
    drop(first);
    tokio::time::sleep(Duration::from_secs(61)).await;
    let mut second = poller(&server, &store, "10:00:00");
    assert_eq!(next(&mut second).await, batch(&["a", "b"]));
    let start = since("09:00:00");
    assert_eq!(server.asked(), [start.clone(), format!("{start} cursor=b"), start]);
}

#[tokio::test(start_paused = true)]
async fn after_a_410_the_first_start_is_asked_from() {
    let server = Server::new(|n| match n {
        0 => page("10:00:00", &item("a", "09:59:00"), ""),
        1 => Answer::status(410),
        _ => page("12:00:00", &item("b", "09:30:00"), ""),
    });
    let store = MemoryCheckpoint::default();
    let mut first = poller(&server, &store, "09:00:00");
    assert_eq!(next(&mut first).await, batch(&["a"]));
    assert_eq!(next(&mut first).await, Seen::CaughtUp(1));
    stop(first).await;
    let mut second = poller(&server, &store, "11:00:00");
    assert_eq!(next(&mut second).await, Seen::Resync);
    assert_eq!(next(&mut second).await, batch(&["b"]));
    assert_eq!(server.asked(), [since("09:00:00"), since("09:58:00"), since("09:00:00")]);
}

#[tokio::test(start_paused = true)]
async fn without_a_date_and_with_nothing_listed_the_start_stays() {
    let server = Server::new(|_| Answer::ok(r#"{"data":[]}"#));
    let store = MemoryCheckpoint::default();
    for from in ["09:00:00", "10:00:00", "11:00:00"] {
        let mut poller = poller(&server, &store, from);
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
        stop(poller).await;
    }
    assert_eq!(server.asked(), vec![since("09:00:00"); 6]);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_start_counts_as_long_as_there_is_no_watermark() {
    let server = Server::new(|_| Answer::ok(r#"{"data":[]}"#));
    let store = MemoryCheckpoint::default();
    for from in ["09:00:00", "08:00:00", "08:30:00"] {
        let mut poller = poller(&server, &store, from);
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
        stop(poller).await;
    }
    assert_eq!(server.asked(), [since("09:00:00"), since("08:00:00"), since("08:00:00")]);
}

#[tokio::test(start_paused = true)]
async fn without_a_start_everything_is_asked_for_as_long_as_there_is_no_watermark() {
    let server = Server::new(|n| if n == 0 { Answer::status(500) } else { page("10:00:00", "", "") });
    let store = MemoryCheckpoint::default();
    let mut first = poller(&server, &store, "09:00:00");
    assert!(matches!(next(&mut first).await, Seen::Failed(PollErrorKind::Page, _)));
    stop(first).await;
    let mut second = Poller::new(server.clone(), source(), store.clone()).with_options(options());
    assert_eq!(next(&mut second).await, Seen::CaughtUp(0));
    assert_eq!(server.asked(), [since("09:00:00"), String::new()]);
    assert_eq!(start(&store), None);
}

/// As a poll may be told from when on only at first.
#[tokio::test(start_paused = true)]
async fn without_a_start_the_kept_one_stays_where_there_is_a_watermark() {
    let server = Server::new(|n| if n == 1 { Answer::status(410) } else { page("10:00:00", "", "") });
    let store = MemoryCheckpoint::default();
    let mut first = poller(&server, &store, "09:00:00");
    assert_eq!(next(&mut first).await, Seen::CaughtUp(0));
    stop(first).await;
    let mut second = Poller::new(server.clone(), source(), store.clone()).with_options(options());
    assert_eq!(next(&mut second).await, Seen::Resync);
    assert_eq!(next(&mut second).await, Seen::CaughtUp(0));
    assert_eq!(server.asked(), [since("09:00:00"), since("09:58:00"), since("09:00:00")]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_lists_nothing_as_old_as_the_start_fails_and_waits() {
    let server = Server::new(|_| Answer::status(410));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store, "09:00:00");
    for wait in [1, 2, 4] {
        assert_eq!(next(&mut poller).await, Seen::Failed(PollErrorKind::Page, Duration::from_secs(wait)));
    }
    assert_eq!(start(&store), Some(moment("09:00:00")));
}

#[tokio::test(start_paused = true)]
async fn a_kept_start_that_is_no_longer_listed_gives_way_to_the_one_offered_now() {
    let server = Server::new(|n| match n {
        0..=1 => Answer::status(410),
        _ => page("12:00:00", &item("a", "11:30:00"), ""),
    });
    let store = MemoryCheckpoint::default();
    let mut first = poller(&server, &store, "09:00:00");
    assert!(matches!(next(&mut first).await, Seen::Failed(PollErrorKind::Page, _)));
    stop(first).await;
    let began = Instant::now();
    let mut second = poller(&server, &store, "11:00:00");
    resynced(&mut second, ResyncReason::StartExpired, Some(2)).await;
    // After a crash now it is told again.
    assert_eq!(start(&store), Some(moment("09:00:00")));
    assert_eq!(next(&mut second).await, batch(&["a"]));
    assert_eq!(start(&store), Some(moment("11:00:00")));
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    assert_eq!(server.asked(), [since("09:00:00"), since("09:00:00"), since("11:00:00")]);
}

#[tokio::test(start_paused = true)]
async fn a_resync_from_a_start_that_is_no_longer_listed_begins_at_the_one_offered_now() {
    let server = Server::new(|n| match n {
        0 => page("10:00:00", "", ""),
        1..=3 => Answer::status(410),
        _ => page("13:00:00", &item("a", "12:30:00"), ""),
    });
    let store = MemoryCheckpoint::default();
    let mut first = poller(&server, &store, "09:00:00");
    assert_eq!(next(&mut first).await, Seen::CaughtUp(0));
    stop(first).await;
    let mut second = poller(&server, &store, "12:00:00");
    resynced(&mut second, ResyncReason::Expired, None).await;
    resynced(&mut second, ResyncReason::StartExpired, Some(3)).await;
    // It is told once, and what is refused from there on is a failure.
    assert_eq!(next(&mut second).await, Seen::Failed(PollErrorKind::Page, Duration::from_secs(2)));
    assert_eq!(next(&mut second).await, batch(&["a"]));
    let from = ["09:00:00", "09:58:00", "09:00:00", "12:00:00", "12:00:00"];
    assert_eq!(server.asked(), from.map(since));
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_stopped_keeps_the_start_that_took_the_place_of_an_expired_one() {
    let server = Server::new(|_| Answer::status(410));
    let store = MemoryCheckpoint::default();
    let mut first = poller(&server, &store, "09:00:00");
    assert!(matches!(next(&mut first).await, Seen::Failed(PollErrorKind::Page, _)));
    stop(first).await;
    let mut second = poller(&server, &store, "11:00:00");
    assert_eq!(next(&mut second).await, Seen::Resync);
    stop(second).await;
    assert_eq!(start(&store), Some(moment("11:00:00")));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_cannot_be_found_now_is_kept() {
    for status in [400, 404, 500] {
        let server = Server::new(move |_| Answer::status(status));
        let store = MemoryCheckpoint::default();
        for from in ["09:00:00", "11:00:00"] {
            let mut poller = poller(&server, &store, from);
            assert!(matches!(next(&mut poller).await, Seen::Failed(PollErrorKind::Page, _)));
            stop(poller).await;
        }
        assert_eq!(start(&store), Some(moment("09:00:00")));
    }
}

/// As it was written before starts were kept.
#[tokio::test(start_paused = true)]
async fn an_older_checkpoint_keeps_its_watermark_and_begins_no_later_than_the_overlap_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let print = martello_poll::Source::fingerprint(&source());
    let text = format!(
        r#"{{"martello_poll":1,"source":"{print}","watermark":"{}","delivered":[{{"stamp":"{}","key":"a"}}]}}"#,
        at("09:00:00"),
        at("08:59:00")
    );
    fs::write(&path, text).unwrap();
    let server = Server::new(|n| match n {
        0 => Answer::status(410),
        _ => page("12:00:00", &[item("a", "08:59:00"), item("b", "08:58:30")].join(","), ""),
    });
    let source = source().everything_from(moment("11:00:00"));
    let mut poller = Poller::new(server.clone(), source, FileCheckpoint::new(&path)).with_options(options());
    assert_eq!(next(&mut poller).await, Seen::Resync);
    assert_eq!(next(&mut poller).await, batch(&["b"]));
    assert_eq!(server.asked(), vec![since("08:58:00"); 2]);
    assert!(fs::read_to_string(&path).unwrap().contains(&format!(r#""start":"{}""#, at("08:58:00"))));
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_of_another_source_stays_until_the_resync_is_told_and_the_source_has_answered() {
    let server = Server::new(|n| match n {
        0 => page("10:00:00", "", ""),
        1 => Answer::status(500),
        _ => page("12:00:00", &item("a", "11:30:00"), ""),
    });
    let store = MemoryCheckpoint::default();
    let mut first = poller(&server, &store, "09:00:00");
    assert_eq!(next(&mut first).await, Seen::CaughtUp(0));
    stop(first).await;
    let before = store.checkpoint();
    let other = |from| {
        let options = PollOptions::builder().jitter(0.0).resync_on_other_source().build().unwrap();
        let source = source().identity("B").everything_from(moment(from));
        Poller::new(server.clone(), source, store.clone()).with_options(options)
    };
    let mut second = other("10:00:00");
    resynced(&mut second, ResyncReason::OtherSource, None).await;
    assert_eq!(store.checkpoint(), before);
    assert!(matches!(next(&mut second).await, Seen::Failed(PollErrorKind::Page, _)));
    stop(second).await;
    assert_eq!(store.checkpoint(), before);
    // It is told again, as nothing else was kept.
    let mut third = other("11:00:00");
    resynced(&mut third, ResyncReason::OtherSource, None).await;
    let Some(Event::Batch(_)) = third.next().await.unwrap() else { panic!() };
    let kept = store.checkpoint().unwrap();
    assert_eq!((kept.start, kept.watermark), (Some(moment("11:00:00")), None));
}

#[tokio::test]
async fn a_checkpoint_without_a_start_is_written_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let store = FileCheckpoint::new(&path);
    let Acquired::Held(held) = store.acquire(Duration::from_secs(60)).await.unwrap() else { panic!() };
    let checkpoint =
        Checkpoint { source: "s".to_owned(), start: None, watermark: None, delivered: Vec::new() };
    let save = Save { checkpoint, park: Vec::new(), unpark: Vec::new() };
    let _ = store.save(held.fence, save).await.unwrap();
    let expected = r#"{"martello_poll":1,"source":"s","watermark":null,"delivered":[]}"#;
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}
