use std::time::Duration;

use martello_poll::{Event, MemoryCheckpoint};

use crate::support::{Answer, Seen, Server, at, batch, item, next, page, poller};

fn watermark(store: &MemoryCheckpoint) -> Option<String> {
    store.checkpoint()?.watermark.map(|watermark| watermark.to_string())
}

#[tokio::test(start_paused = true)]
async fn only_the_acknowledgement_of_the_last_page_moves_the_checkpoint() {
    let server =
        Server::new(|n| page("10:00:00", &item(&n.to_string(), "09:00:00"), if n == 0 { "b" } else { "" }));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    assert_eq!(next(&mut poller).await, batch(&["0"]));
    assert_eq!(store.checkpoint(), None);
    let Event::Batch(last) = poller.next().await.unwrap().unwrap() else { panic!() };
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(store.checkpoint(), None);
    last.ack().await.unwrap();
    assert_eq!(watermark(&store), Some(at("10:00:00")));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_dropped_comes_again() {
    let server = Server::new(|_| page("10:00:00", &item("a", "09:00:00"), ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    drop(poller.next().await.unwrap());
    assert_eq!(store.checkpoint(), None);
    assert_eq!(next(&mut poller).await, batch(&["a"]));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_that_of_the_first_page() {
    let server = Server::new(|n| {
        page(if n == 0 { "10:00:00" } else { "10:59:59" }, "", if n == 0 { "b" } else { "" })
    });
    let store = MemoryCheckpoint::default();
    assert_eq!(next(&mut poller(&server, &store)).await, Seen::CaughtUp(0));
    assert_eq!(watermark(&store), Some(at("10:00:00")));
}

#[tokio::test(start_paused = true)]
async fn the_time_that_the_first_answer_took_is_taken_off() {
    let server = Server::new(|n| if n == 0 { Answer::status(500) } else { page("10:00:00", "", "") });
    let service = tower::util::MapFuture::new(server, |answer| async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        answer.await
    });
    let store = MemoryCheckpoint::default();
    let mut poller = martello_poll::Poller::new(service, crate::support::source(), store.clone());
    assert!(matches!(next(&mut poller).await, Seen::Failed(..)));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    // A timer may be late by a millisecond.
    assert!(watermark(&store).unwrap().starts_with("2024-11-29T09:59:52.99"));
}

#[tokio::test(start_paused = true)]
async fn a_clock_counts_in_whatever_form_servers_write_it() {
    for date in ["Fri, 29 Nov 2024 10:00:00 UTC", "29 Nov 2024 11:00:00 +0100", "2024-11-29T10:00:00Z"] {
        let server = Server::new(move |_| page("09:00:00", "", "").header("date", date));
        let store = MemoryCheckpoint::default();
        assert_eq!(next(&mut poller(&server, &store)).await, Seen::CaughtUp(0));
        assert_eq!(watermark(&store), Some(at("10:00:00")), "{date}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_date_the_greatest_stamp_counts_less_the_time_of_the_walk() {
    let list = [item("a", "09:00:00"), item("b", "09:30:00"), item("c", "09:10:00")].join(",");
    let server = Server::new(move |_| Answer::ok(&format!(r#"{{"data":[{list}]}}"#)));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    let Event::Batch(slow) = poller.next().await.unwrap().unwrap() else { panic!() };
    tokio::time::sleep(Duration::from_secs(5)).await;
    slow.ack().await.unwrap();
    assert_eq!(watermark(&store), Some(at("09:29:55")));
}

#[tokio::test(start_paused = true)]
async fn what_was_delivered_is_remembered_across_a_restart() {
    let list = [item("old", "09:00:00"), item("a", "09:59:00")].join(",");
    let server = Server::new(move |_| page("10:00:00", &list, ""));
    let store = MemoryCheckpoint::default();
    {
        let mut poller = poller(&server, &store);
        assert_eq!(next(&mut poller).await, batch(&["old", "a"]));
        poller.stopper().stop();
        assert_eq!(next(&mut poller).await, Seen::Stopped);
    }
    let delivered = store.checkpoint().unwrap().delivered;
    assert_eq!(delivered.iter().map(|item| item.key.as_str()).collect::<Vec<_>>(), ["a"]);
    // The server should not list the old one, whose stamp lies before the overlap; it comes again.
    assert_eq!(next(&mut poller(&server, &store)).await, batch(&["old"]));
}

#[tokio::test(start_paused = true)]
async fn a_date_far_ahead_of_our_clock_leaves_nothing_behind() {
    let server = Server::new(|n| match n {
        0 => page("10:00:00", "", "").header("date", "Thu, 01 Jan 2099 00:00:00 GMT"),
        _ => page("10:00:00", "", ""),
    });
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    assert!(store.checkpoint().unwrap().watermark.unwrap() <= jiff::Timestamp::now());
    // A clock that was put right takes the watermark back.
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    assert_eq!(watermark(&store), Some(at("10:00:00")));
}

#[tokio::test(start_paused = true)]
async fn without_a_date_a_stamp_ahead_of_our_clock_leaves_nothing_behind() {
    let soon = jiff::Timestamp::now() + Duration::from_secs(30 * 60);
    let server =
        Server::new(move |_| Answer::ok(&format!(r#"{{"data":[{{"id":1,"updated_at":"{soon}"}}]}}"#)));
    let store = MemoryCheckpoint::default();
    assert_eq!(next(&mut poller(&server, &store)).await, batch(&["1"]));
    assert!(store.checkpoint().unwrap().watermark.unwrap() <= jiff::Timestamp::now());
}

#[tokio::test(start_paused = true)]
async fn a_newer_stamp_of_the_same_key_is_delivered() {
    let server =
        Server::new(|n| page("10:00:00", &item("a", if n == 0 { "09:59:00" } else { "09:59:01" }), ""));
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    assert_eq!(next(&mut poller).await, batch(&["a"]));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(1));
    assert_eq!(next(&mut poller).await, batch(&["a"]));
}

#[tokio::test(start_paused = true)]
async fn a_memory_that_is_full_delivers_again_and_drops_nothing() {
    let list = [item("a", "09:59:00"), item("b", "09:59:30"), item("c", "09:59:40")].join(",");
    let server = Server::new(move |_| page("10:00:00", &list, ""));
    let options = martello_poll::PollOptions::builder().remember(2).build().unwrap();
    let mut poller = poller(&server, &MemoryCheckpoint::default()).with_options(options);
    assert_eq!(next(&mut poller).await, batch(&["a", "b", "c"]));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(3));
    assert_eq!(next(&mut poller).await, batch(&["a"]));
}
