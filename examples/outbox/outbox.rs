//! An order meets an outage, is stored in a file, and is delivered once the API is back. Another is wrong, becomes a dead
//! letter, is corrected and sent again.
//!
//! ```text
//! cargo run --example outbox
//! ```

use std::{
    error::Error,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{
    Body, ConcurrencyLimitLayer, Outbox, OutboxLayer, Sent, Stack,
    outbox::{Change, State},
    sqlite::SqliteStore,
};
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let down = Arc::new(AtomicBool::new(true));
    let api = orders_api(Arc::clone(&down)).await?;
    let place = tempfile::tempdir()?;

    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let five = ConcurrencyLimitLayer::default(); // what is sent now and what is sent later share five permits
    let stack = Stack::new().limit(five.clone()).build()?.layer(http.clone());
    let once = Stack::new().limit(five).without_retry().build()?.layer(http);

    let outbox = Outbox::new(SqliteStore::open(place.path().join("outbox.db")).await?);
    let orders = OutboxLayer::new(outbox.clone()).layer(stack);
    let worker = outbox.worker(once).start();

    let order = Request::put(api.uri("/orders/17")).body(Body::from(r#"{"stops":3}"#))?;
    let Sent::Deferred(right) = orders.clone().oneshot(order).await? else {
        return Err("the API is down, and the order was delivered".into());
    };
    let order = Request::put(api.uri("/orders/18")).body(Body::from(r#"{"stops":-1}"#))?;
    let Sent::Deferred(wrong) = orders.oneshot(order).await? else {
        return Err("the API is down, and the order was delivered".into());
    };
    writeln!(out, "stored: {} and {}", right.id(), wrong.id())?;

    down.store(false, Ordering::SeqCst);
    writeln!(out, "the API is back: {} and {}", right.ended().await?.state, wrong.ended().await?.state)?;

    let letter = wrong.detail().await?;
    for attempt in &letter.attempts {
        let status = attempt.status.map_or(0, |status| status.as_u16());
        let id = attempt.tracking_id.map_or("-".to_owned(), |id| id.to_string());
        let fault = attempt.fault.as_deref().unwrap_or_default();
        writeln!(out, "  attempt {}: {} {status} Trackingid {id} {fault}", attempt.number, attempt.outcome)?;
    }
    let better = Request::put(api.uri("/orders/18")).body(Body::from(r#"{"stops":1}"#))?;
    outbox.edit(wrong.id(), better).await?;
    outbox.store().change(wrong.id(), Change::Replay).await?;
    let entry = wrong.ended().await?;
    writeln!(out, "corrected and replayed: {}, after {} attempts", entry.state, entry.attempts)?;
    worker.shutdown().await;

    if (entry.state, right.status().await?.state) != (State::Done, State::Done) {
        return Err("an order was not delivered".into());
    }
    Ok(())
}

/// Refuses orders without stops, when it is not down.
async fn orders_api(down: Arc<AtomicBool>) -> std::io::Result<Server> {
    let mut received = 0;
    Server::with(move |request| {
        received += 1;
        let reply = if down.load(Ordering::SeqCst) {
            Reply::status(503)
        } else if request.body.ends_with(b"-1}") {
            Reply::status(422).body(r#"{"error":"an order has one stop at least"}"#)
        } else {
            Reply::status(201)
        };
        reply.header("trackingid", format!("order-api-{received}"))
    })
    .await
}
