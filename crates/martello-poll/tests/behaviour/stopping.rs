use std::{future::pending, time::Duration};

use martello_poll::{MemoryCheckpoint, Poller};
use tokio::time::Instant;

use crate::support::{Answer, Seen, Server, batch, item, next, page, poller, source};

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_for_the_next_pass_and_releases_the_checkpoint() {
    let server = Server::new(|_| page("10:00:00", "", ""));
    let store = MemoryCheckpoint::default();
    let mut one = poller(&server, &store);
    assert_eq!(next(&mut one).await, Seen::CaughtUp(0));
    let stopper = one.stopper();
    let began = Instant::now();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stopper.stop();
    };
    assert_eq!(tokio::join!(next(&mut one), stop).0, Seen::Stopped);
    assert_eq!(began.elapsed().as_secs(), 3);
    assert_eq!(next(&mut one).await, Seen::Stopped);
    assert_eq!(next(&mut poller(&server, &store)).await, Seen::CaughtUp(0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_request_that_hangs() {
    let service = tower::service_fn(|_: http::Request<martello_body::Body>| {
        pending::<Result<http::Response<martello_body::Body>, std::io::Error>>()
    });
    let mut poller = Poller::new(service, source(), MemoryCheckpoint::default());
    let stopper = poller.stopper();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        stopper.stop();
    };
    assert_eq!(tokio::join!(next(&mut poller), stop).0, Seen::Stopped);
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_before_a_stop_is_not_delivered_again() {
    let server = Server::new(|n| match n % 2 {
        0 => page("10:00:00", &item("a", "08:00:00"), &format!("c{n}")),
        _ => page("10:00:00", &item("b", "08:00:00"), ""),
    });
    let store = MemoryCheckpoint::default();
    let mut one = poller(&server, &store);
    assert_eq!(next(&mut one).await, batch(&["a"]));
    one.stopper().stop();
    assert_eq!(next(&mut one).await, Seen::Stopped);
    assert_eq!(store.checkpoint().unwrap().watermark, None);
    assert_eq!(server.asked().len(), 1);
    let server = Server::new(|n| {
        page("10:00:00", &item(["a", "b"][n % 2], "08:00:00"), if n == 0 { "x" } else { "" })
    });
    assert_eq!(next(&mut poller(&server, &store)).await, batch(&["b"]));
}

#[tokio::test(start_paused = true)]
async fn next_can_be_dropped_anywhere_and_called_again() {
    let server = Server::new(|n| match n {
        0 => Answer::status(500),
        1 => page("10:00:00", &item("a", "08:00:00"), "b"),
        _ => page("10:00:00", &item("b", "08:00:00"), ""),
    });
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    let mut seen = Vec::new();
    while seen.len() < 2 {
        // Each call is given up at the first wait of more than a moment.
        if let Ok(Seen::Batch(mut keys)) =
            tokio::time::timeout(Duration::from_millis(300), next(&mut poller)).await
        {
            seen.append(&mut keys);
        }
    }
    assert_eq!(seen, ["a", "b"]);
    assert_eq!(server.asked().len(), 3);
}
