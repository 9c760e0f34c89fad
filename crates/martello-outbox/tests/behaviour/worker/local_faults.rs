//! A fault of the worker's own stack says nothing about the server: it neither makes nor ends a hold.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox, Sealing};
use tokio::time::sleep;

use crate::support::{Api, enqueued, options, seconds, status, work_with};

const PANICS: &str = "panics";
const SHUT: &str = "shut";

/// An outbox that cannot open the bodies `SHUT`.
fn outbox() -> Outbox {
    let open = |_, body: Bytes| if body == SHUT { Err("another key".into()) } else { Ok(body) };
    Outbox::builder(MemoryStore::new()).sealing(Sealing::new(|_, body| Ok(body), open)).build().unwrap()
}

/// A server that is down, behind a service that panics for the bodies `PANICS`.
fn down() -> Api {
    Api::with(|seen| async move {
        sleep(Duration::from_millis(100)).await;
        assert!(seen.body.as_deref() != Some(PANICS), "the user's code is at fault");
        status(503)
    })
}

fn request(body: &'static str) -> Request<Body> {
    Request::post("https://api.example/orders").body(Body::from(body)).unwrap()
}

async fn ended_attempts(outbox: &Outbox) -> usize {
    let entries = crate::support::stored(outbox).await;
    entries.iter().filter(|entry| entry.last_outcome.is_some()).count()
}

#[tokio::test(start_paused = true)]
async fn a_local_fault_makes_no_hold() {
    for own in [PANICS, SHUT] {
        let (outbox, hour) = (outbox(), seconds(3_600));
        let _worker = work_with(&outbox, &down(), options().hold_after(1).backoff(hour, hour));
        for _ in 0..20 {
            enqueued(&outbox, request(own)).await;
        }
        // Five at a time, a tenth of a second each. A hold would last at least half a second.
        sleep(Duration::from_millis(450)).await;
        assert_eq!(ended_attempts(&outbox).await, 20, "{own}");
        let queue = outbox.store().queues().await.unwrap().remove(0);
        assert_eq!(queue.holds, [], "{own}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_local_fault_ends_no_hold() {
    for own in [PANICS, SHUT] {
        let (outbox, api, hour) = (outbox(), down(), seconds(3_600));
        let _worker = work_with(&outbox, &api, options().hold_after(1).backoff(hour, hour));
        enqueued(&outbox, request("first")).await;
        sleep(Duration::from_millis(200)).await;
        // The first one is the probe. If it ended the hold, the others would be sent together.
        for body in [own, "a", "b", "c", "d", "e"] {
            enqueued(&outbox, request(body)).await;
        }
        sleep(seconds(300)).await;
        assert_eq!((ended_attempts(&outbox).await, api.most_in_flight()), (7, 1), "{own}");
    }
}
