//! Three workers on one queue in PostgreSQL, as on three machines. Together they have at most five requests
//! in flight.
//!
//! ```text
//! MARTELLO_TEST_POSTGRES_URL=postgres://postgres@localhost/postgres cargo run --example outbox_postgres
//! ```

use std::{error::Error, io::Write, time::Duration};

use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{Body, Outbox, Stack, outbox::State, postgres::PostgresStore};
use martello_testkit::{Reply, Server};
use tower::Layer;

const ORDERS: usize = 40;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let Ok(url) = std::env::var("MARTELLO_TEST_POSTGRES_URL") else {
        writeln!(out, "skipped: MARTELLO_TEST_POSTGRES_URL is not set")?;
        return Ok(());
    };
    let api = Server::with(|_| Reply::status(201).delay(Duration::from_millis(20))).await?;
    let schema = format!("martello_example_{}", std::process::id());

    let mut workers = Vec::new();
    for _ in 0..3 {
        // Each worker has connections of its own, as if it ran on a machine of its own.
        let store = PostgresStore::builder().url(&url).schema(&schema).connect().await?;
        let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let once = Stack::new().without_limit().without_retry().build()?.layer(http);
        workers.push(Outbox::new(store).worker(once).start());
    }

    let store = PostgresStore::builder().url(&url).schema(&schema).connect().await?;
    let outbox = Outbox::new(store.clone());
    let mut tickets = Vec::new();
    for order in 0..ORDERS {
        let request =
            Request::put(api.uri(&format!("/orders/{order}"))).body(Body::from(r#"{"stops":3}"#))?;
        tickets.push(outbox.enqueue(request).await?);
    }
    let mut done = 0;
    for ticket in &tickets {
        done += usize::from(ticket.ended().await?.state == State::Done);
    }
    for worker in workers {
        worker.shutdown().await;
    }
    writeln!(
        out,
        "{done} of {ORDERS} orders delivered by three workers, at most {} in flight",
        api.most_in_flight()
    )?;
    store.drop_schema().await?;
    if (done, api.most_in_flight() <= 5) != (ORDERS, true) {
        return Err("an order was not delivered, or more than five requests were in flight".into());
    }
    Ok(())
}
