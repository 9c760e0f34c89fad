use std::time::Duration;

use martello_poll::{JsonCursor, JsonSince, MemoryCheckpoint, PollOptions, Poller};
use tokio::time::Instant;

use crate::support::{Seen, Server, batch, item, next, page, poller};

#[tokio::test(start_paused = true)]
async fn the_first_pass_asks_for_everything_and_the_next_from_before_the_servers_clock() {
    let server = Server::new(|_| page("10:00:00", &item("a", "08:00:00"), ""));
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    assert_eq!(next(&mut poller).await, batch(&["a"]));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(1));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    assert_eq!(server.asked(), ["", "since=2024-11-29T09%3A58%3A00.000Z"]);
}

#[tokio::test(start_paused = true)]
async fn an_exclusive_boundary_is_asked_from_a_millisecond_earlier_and_rounded_down() {
    let server = Server::new(|_| page("10:00:00", "", ""));
    let source =
        JsonSince::new("http://api.example/p?a[]=%20x,y&since=no&since=never", JsonCursor::new).unwrap();
    let overlap = Duration::from_micros(120_000_500);
    let options = PollOptions::builder().overlap(overlap).build().unwrap();
    let mut poller = Poller::new(server.clone(), source.page_size("limit", 7), MemoryCheckpoint::default())
        .with_options(options);
    for _ in 0..2 {
        next(&mut poller).await;
    }
    assert_eq!(
        server.asked(),
        ["a[]=%20x,y since=no since=never limit=7", "a[]=%20x,y limit=7 since=2024-11-29T09%3A57%3A59.998Z"]
    );
}

#[tokio::test(start_paused = true)]
async fn passes_begin_an_interval_apart_and_further_while_nothing_is_new() {
    let server = Server::new(|n| {
        page("10:00:00", &if n < 2 { item(&n.to_string(), "10:00:00") } else { String::new() }, "")
    });
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    let mut times = Vec::new();
    let began = Instant::now();
    while times.len() < 7 {
        if let Seen::CaughtUp(_) = next(&mut poller).await {
            times.push(began.elapsed().as_secs());
        }
    }
    assert_eq!(times, [0, 30, 60, 90, 150, 270, 390]);
}

#[tokio::test(start_paused = true)]
async fn a_pass_that_takes_longer_than_the_interval_is_followed_at_once() {
    let server = Server::new(|n| page("10:00:00", &item(&n.to_string(), "10:00:00"), ""));
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    let martello_poll::Event::Batch(slow) = poller.next().await.unwrap().unwrap() else { panic!() };
    tokio::time::sleep(Duration::from_secs(45)).await;
    slow.ack().await.unwrap();
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(1));
    let began = Instant::now();
    assert_eq!(next(&mut poller).await, batch(&["1"]));
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn intervals_are_jittered_and_differ_by_seed() {
    let time = async |seed| {
        let server = Server::new(|n| page("10:00:00", &item(&n.to_string(), "10:00:00"), ""));
        let options = PollOptions::builder().seed(seed).build().unwrap();
        let mut poller = poller(&server, &MemoryCheckpoint::default()).with_options(options);
        let began = Instant::now();
        while next(&mut poller).await != batch(&["1"]) {}
        began.elapsed()
    };
    let (one, two) = (time(1).await, time(2).await);
    assert_ne!(one, two);
    assert!([one, two].iter().all(|time| (24..=36).contains(&time.as_secs())));
}

#[tokio::test(start_paused = true)]
async fn empty_pages_are_walked_and_not_told() {
    let server = Server::new(|n| match n {
        0..50 => page("10:00:00", "", &format!("c{n}")),
        _ => page("10:00:00", &item("a", "10:00:00"), ""),
    });
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    assert_eq!(next(&mut poller).await, batch(&["a"]));
}

#[tokio::test(start_paused = true)]
async fn a_name_is_encoded_once_however_it_is_given() {
    for name in ["filter[updated after]", "filter%5Bupdated%20after%5D"] {
        let server = Server::new(|_| page("10:00:00", "", ""));
        let url = "http://api.example/p?filter%5bupdated+after%5d=never&page[size]=1&f%5Bx%5D=%5B";
        let source = JsonSince::new(url, JsonCursor::new).unwrap().parameter(name);
        let source = source.page_size(if name.contains('%') { "page%5Bsize%5D" } else { "page[size]" }, 7);
        let mut poller = Poller::new(server.clone(), source, MemoryCheckpoint::default());
        for _ in 0..2 {
            next(&mut poller).await;
        }
        let since = "filter%5Bupdated%20after%5D=2024-11-29T09%3A57%3A59.999Z";
        assert_eq!(server.asked()[1], format!("f%5Bx%5D=%5B page%5Bsize%5D=7 {since}"), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_percent_sign_that_begins_no_escape_is_encoded() {
    let server = Server::new(|_| page("10:00:00", "", ""));
    let source = JsonSince::new("http://api.example/p", JsonCursor::new).unwrap().page_size("50%", 7);
    let mut poller = Poller::new(server.clone(), source.parameter("a%5"), MemoryCheckpoint::default());
    for _ in 0..2 {
        next(&mut poller).await;
    }
    assert_eq!(server.asked()[1], "50%25=7 a%255=2024-11-29T09%3A57%3A59.999Z");
}
