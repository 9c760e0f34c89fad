//! Enqueues requests and makes calls through an `OutboxLayer`. It prints a line before each, and one after
//! the acknowledgement.

use std::time::Duration;

use futures_util::future::join_all;
use http::Request;
use martello::{Body, Outbox, OutboxLayer, Sent};
use tower::{Layer, ServiceExt};

use super::{client::client, print};
use crate::process_config::ProcessConfig;

/// How many requests it makes concurrently.
const LANES: u64 = 4;

/// How many resources it writes to: few enough that requests for the same resource queue up.
const RESOURCES: u64 = 60;

pub(super) async fn run(config: &ProcessConfig) {
    let outbox = config.test_store.outbox(|outbox| outbox).await;
    join_all((0..LANES).map(|lane| run_lane(config, &outbox, lane))).await;
}

async fn run_lane(config: &ProcessConfig, outbox: &Outbox, lane: u64) {
    let mut random = fastrand::Rng::with_seed(config.seed ^ lane);
    for number in 0.. {
        let poison = if random.u8(..40) == 0 { "-poison" } else { "" };
        let key = format!("{}-{lane}-{number}{poison}", config.name);
        if random.bool() {
            print(&format!("stores {key}"));
            let ticket = outbox.enqueue(request(config, &mut random, &key)).await.unwrap();
            print(&format!("stored {key} {}", ticket.id()));
        } else {
            print(&format!("calls {key}"));
            call(config, outbox, &mut random, &key).await;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(..60))).await;
    }
}

async fn call(config: &ProcessConfig, outbox: &Outbox, random: &mut fastrand::Rng, key: &str) {
    let orders = OutboxLayer::new(outbox.clone()).layer(client(&config.name));
    match orders.oneshot(request(config, random, key)).await.unwrap() {
        Sent::Answered(response) => print(&format!("answered {key} {}", response.status().as_u16())),
        Sent::Deferred(ticket) | Sent::DeadLettered(ticket) => {
            print(&format!("stored {key} {}", ticket.id()));
        }
    }
}

/// A PUT of a resource, which is idempotent and ordered, or a POST, which is neither.
fn request(config: &ProcessConfig, random: &mut fastrand::Rng, key: &str) -> Request<Body> {
    let (method, path) = match random.u8(..10) {
        0..7 => ("PUT", format!("/orders/{}", random.u64(..RESOURCES))),
        _ => ("POST", "/orders".to_owned()),
    };
    let body = "x".repeat(random.usize(..2_000));
    let request = Request::builder().method(method).uri(format!("http://{}{path}", config.api));
    request.header("idempotency-key", key).body(Body::from(body)).unwrap()
}
