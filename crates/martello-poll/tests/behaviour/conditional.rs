use martello_poll::MemoryCheckpoint;

use crate::support::{Answer, Seen, Server, batch, date, item, next, page, poller};

const SINCE: &str = "since=2024-11-29T09%3A58%3A00.000Z";

#[tokio::test(start_paused = true)]
async fn while_nothing_is_new_the_same_request_is_sent_with_the_etag() {
    let server = Server::new(|n| match n {
        0 | 1 => page(if n == 0 { "10:00:00" } else { "10:01:00" }, &item("a", "09:59:00"), "")
            .header("etag", "\"1\""),
        2 | 3 => Answer::status(304).header("date", &date("10:02:00")),
        _ => page("10:05:00", &item("b", "10:04:00"), "").header("etag", "\"2\""),
    });
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    assert_eq!(next(&mut poller).await, batch(&["a"]));
    for idle in [1, 0, 0, 0] {
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(idle));
    }
    assert_eq!(next(&mut poller).await, batch(&["b"]));
    assert_eq!(server.asked(), ["", SINCE, SINCE, SINCE, SINCE]);
    let etags: Vec<_> = (0..5).map(|request| server.header(request, "if-none-match")).collect();
    let etag = Some("\"1\"".to_owned());
    assert_eq!(etags, [None, None, etag.clone(), etag.clone(), etag]);
}

#[tokio::test(start_paused = true)]
async fn a_watermark_is_not_held_for_long() {
    let server = Server::new(|n| match n {
        0 => page("10:00:00", &item("a", "09:59:00"), ""),
        1 => page("10:01:00", "", "").header("etag", "\"1\""),
        _ => Answer::status(304).header("date", &date("10:10:00")),
    });
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    for _ in 0..4 {
        next(&mut poller).await;
    }
    assert_eq!(store.checkpoint().unwrap().watermark.unwrap().to_string(), "2024-11-29T10:10:00Z");
}

#[tokio::test(start_paused = true)]
async fn the_etag_of_an_answer_of_several_pages_is_not_used() {
    let server =
        Server::new(|n| page("10:00:00", "", if n % 2 == 0 { "b" } else { "" }).header("etag", "\"1\""));
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    for _ in 0..3 {
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    }
    assert!((0..6).all(|request| server.header(request, "if-none-match").is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_304_that_nobody_asked_for_is_a_failure() {
    let server = Server::new(|_| Answer::status(304));
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    assert!(matches!(next(&mut poller).await, Seen::Failed(..)));
}
