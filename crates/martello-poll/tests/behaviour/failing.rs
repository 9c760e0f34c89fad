use std::time::Duration;

use martello_outcome::{CallError, ErrorKind, Outcome};
use martello_poll::{MemoryCheckpoint, PollErrorKind, PollOptions};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::support::{Answer, Seen, Server, batch, date, item, next, page, poller};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_failed_page_is_asked_for_again_with_growing_waits_and_the_next_pass_begins_at_once() {
    let server = Server::new(|n| match n {
        0 => page("10:00:00", &item("a", "09:59:00"), "b"),
        1..=3 => Answer::status(500),
        _ => page("10:00:10", &item("b", "09:59:00"), ""),
    });
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    let began = Instant::now();
    assert_eq!(next(&mut poller).await, batch(&["a"]));
    for wait in [1, 2, 4] {
        assert_eq!(next(&mut poller).await, Seen::Failed(PollErrorKind::Page, seconds(wait)));
    }
    assert_eq!(next(&mut poller).await, batch(&["b"]));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(2));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    assert_eq!(began.elapsed().as_secs(), 7);
    assert_eq!(server.asked()[1..5], ["cursor=b", "cursor=b", "cursor=b", "cursor=b"]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_up_to_an_hour() {
    for (asked, wait) in [("7", 7), ("100000", 3_600)] {
        let server = Server::new(move |_| Answer::status(503).header("retry-after", asked));
        let mut poller = poller(&server, &MemoryCheckpoint::default());
        assert_eq!(next(&mut poller).await, Seen::Failed(PollErrorKind::Page, seconds(wait)));
        let began = Instant::now();
        next(&mut poller).await;
        assert_eq!(began.elapsed().as_secs(), wait);
    }
}

#[tokio::test(start_paused = true)]
async fn pollers_that_were_told_the_same_time_come_back_apart() {
    let mut waits = Vec::new();
    for seed in 0..20 {
        let server = Server::new(|_| Answer::status(503).header("retry-after", "60"));
        let options = PollOptions::builder().seed(seed).build().unwrap();
        let poller = poller(&server, &MemoryCheckpoint::default());
        match next(&mut poller.with_options(options)).await {
            Seen::Failed(_, wait) => waits.push(wait),
            other => panic!("{other:?}"),
        }
    }
    waits.sort_unstable();
    assert!(waits[0] >= seconds(60) && waits[19] <= seconds(70), "{waits:?}");
    assert!(waits[19] - waits[0] > seconds(5), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_expired_starts_the_pass_anew_and_nothing_is_delivered_twice() {
    for status in [400, 404, 410] {
        let server = Server::new(move |n| match n {
            0 => page("10:00:00", &item("a", "08:00:00"), "b"),
            1 => Answer::status(status),
            2 => page("10:00:01", &item("a", "08:00:00"), "c"),
            _ => page("10:00:01", &item("b", "08:00:00"), ""),
        });
        let store = MemoryCheckpoint::default();
        let mut poller = poller(&server, &store);
        assert_eq!(next(&mut poller).await, batch(&["a"]));
        assert_eq!(next(&mut poller).await, Seen::Failed(PollErrorKind::PassAborted, seconds(1)));
        assert_eq!(store.checkpoint(), None);
        assert_eq!(next(&mut poller).await, batch(&["b"]));
        assert_eq!(server.asked()[..4], ["", "cursor=b", "", "cursor=c"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_that_runs_in_a_circle_is_a_failure_and_not_the_end() {
    let server = Server::new(|n| page("10:00:00", &item(&n.to_string(), "09:59:00"), "b"));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    assert_eq!(next(&mut poller).await, batch(&["0"]));
    assert_eq!(next(&mut poller).await, batch(&["1"]));
    assert_eq!(next(&mut poller).await, Seen::Failed(PollErrorKind::PassAborted, seconds(1)));
    assert_eq!(store.checkpoint(), None);
}

#[tokio::test(start_paused = true)]
async fn the_error_tells_the_page_and_its_status() {
    let server = Server::new(|_| Answer::status(401));
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    let Some(martello_poll::Event::Failed { error, .. }) = poller.next().await.unwrap() else { panic!() };
    let page = error.page_error().unwrap();
    assert_eq!((page.page(), page.status().unwrap().as_u16()), (1, 401));
    assert_eq!(error.to_string(), "failed to fetch a page");
}

#[tokio::test(start_paused = true)]
async fn of_two_pollers_one_polls() {
    let server = Server::new(|n| page("10:00:00", &item(&n.to_string(), "09:59:00"), ""));
    let store = MemoryCheckpoint::default();
    let (mut one, mut two) = (poller(&server, &store), poller(&server, &store));
    assert_eq!(next(&mut one).await, batch(&["0"]));
    for _ in 0..20 {
        assert_eq!(next(&mut two).await, Seen::Failed(PollErrorKind::HeldElsewhere, seconds(20)));
    }
    drop(one);
    while let Seen::Failed(..) = next(&mut two).await {}
    assert_eq!(server.asked().len(), 2);
}

/// The next pass would ask the same of the same client.
#[tokio::test(start_paused = true)]
async fn a_request_that_the_client_refuses_ends_the_poll_and_frees_the_checkpoint() {
    let server = Server::new(|_| page("10:00:00", &item("a", "09:59:00"), "b"));
    let store = MemoryCheckpoint::default();
    for asked in [1, 2] {
        let answering = server.clone();
        let service = tower::service_fn(move |request: http::Request<martello_body::Body>| {
            let first = !request.uri().query().unwrap_or_default().contains("cursor");
            let page = first.then(|| answering.clone().oneshot(request));
            async move {
                let refused = || CallError::new(ErrorKind::Unsendable, Outcome::Unsent, "no such scheme");
                page.ok_or_else(refused)?.await.map_err(CallError::from_source)
            }
        });
        let mut poller = martello_poll::Poller::new(service, crate::support::source(), store.clone());
        if asked == 1 {
            assert_eq!(next(&mut poller).await, batch(&["a"]));
        }
        // The other poller, which comes now, finds the checkpoint free, and in it that `a` is done.
        let error = poller.next().await.unwrap_err();
        assert_eq!(error.kind(), PollErrorKind::Unsendable);
        assert_eq!(error.page_error().unwrap().page(), 2);
        assert_eq!(server.asked().len(), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_list_is_a_failed_page_and_moves_nothing() {
    let limited = r#"{"code":99991400,"msg":"frequency limit","data":null}"#;
    for body in [limited, r#"{"code":99991400,"msg":"frequency limit"}"#, "null", r#"{"data":{}}"#] {
        let server = Server::new(move |n| match n {
            0 => page("10:00:00", &item("a", "09:59:00"), ""),
            1 => Answer::ok(body).header("date", &date("12:00:00")),
            _ => page("12:00:01", &item("b", "10:30:00"), ""),
        });
        let store = MemoryCheckpoint::default();
        let mut poller = poller(&server, &store);
        assert_eq!(next(&mut poller).await, batch(&["a"]));
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(1));
        let before = store.checkpoint();
        assert_eq!(next(&mut poller).await, Seen::Failed(PollErrorKind::Page, seconds(1)), "{body}");
        assert_eq!(store.checkpoint(), before);
        assert_eq!(next(&mut poller).await, batch(&["b"]));
        assert_eq!(server.asked()[1], server.asked()[2]);
    }
}
