//! An order meets an outage, is stored in a file, and is delivered once the API is back. Another is wrong, becomes a dead
//! letter, is corrected and sent again. A third is a POST, which cannot even get its token: it was not sent, so that it waits like
//! the others, and is no dead letter.
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

use http::{HeaderValue, Request, Uri, header::AUTHORIZATION};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use martello::{
    Body, CallError, ConcurrencyLimitLayer, ErrorKind, Outbox, OutboxLayer, Sent, Stack,
    outbox::{Change, State, WhenOvertaken},
    sqlite::SqliteStore,
};
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt, filter::AsyncFilterLayer};

type Http = Client<HttpConnector, Body>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let api_down = Arc::new(AtomicBool::new(true));
    let api = orders_api(Arc::clone(&api_down)).await?;
    let token_server_down = Arc::new(AtomicBool::new(false));
    let tokens = token_server(Arc::clone(&token_server_down)).await?;
    let directory = tempfile::tempdir()?;

    let client: Http = Client::builder(TokioExecutor::new()).build_http();
    // Credentials are not stored: each attempt gets its own, of what is sent now and of what is sent later.
    let (http, url) = (client.clone(), tokens.uri("/token"));
    let authenticated = AsyncFilterLayer::new(move |order| authenticated(http.clone(), url.clone(), order));
    let http = authenticated.layer(client);
    let five = ConcurrencyLimitLayer::default(); // what is sent now and what is sent later share five permits
    let stack = Stack::new().limit(five.clone()).build()?.layer(http.clone());
    let once = Stack::new().limit(five).without_retry().build()?.layer(http);

    let outbox = Outbox::new(SqliteStore::open(directory.path().join("outbox.db")).await?);
    let orders = OutboxLayer::new(outbox.clone()).layer(stack);
    let worker = outbox.worker(once).start();

    let order = Request::put(api.uri("/orders/17")).body(Body::from(r#"{"stops":3}"#))?;
    let Sent::Deferred(right) = orders.clone().oneshot(order).await? else {
        return Err("the API is down, and the order was delivered".into());
    };
    let order = Request::put(api.uri("/orders/18")).body(Body::from(r#"{"stops":-1}"#))?;
    let Sent::Deferred(wrong) = orders.clone().oneshot(order).await? else {
        return Err("the API is down, and the order was delivered".into());
    };
    token_server_down.store(true, Ordering::SeqCst);
    let order = Request::post(api.uri("/orders")).body(Body::from(r#"{"stops":5}"#))?;
    let Sent::Deferred(new) = orders.oneshot(order).await? else {
        return Err("there was no token, and the order was not deferred".into());
    };
    writeln!(out, "stored: {}, {} and {}", right.id(), wrong.id(), new.id())?;

    api_down.store(false, Ordering::SeqCst);
    token_server_down.store(false, Ordering::SeqCst);
    let states = [right.ended().await?.state, wrong.ended().await?.state, new.ended().await?.state];
    writeln!(out, "the API is back: {states:?}")?;

    let dead_letter = wrong.detail().await?;
    for attempt in &dead_letter.attempts {
        let status = attempt.status.map_or(0, |status| status.as_u16());
        let id = attempt.tracking_id.map_or("-".to_owned(), |id| id.to_string());
        let fault = attempt.fault.as_deref().unwrap_or_default();
        writeln!(out, "  attempt {}: {} {status} Trackingid {id} {fault}", attempt.number, attempt.outcome)?;
    }
    let corrected = Request::put(api.uri("/orders/18")).body(Body::from(r#"{"stops":1}"#))?;
    outbox.edit(wrong.id(), dead_letter.entry.revision, corrected).await?;
    outbox.store().change(wrong.id(), Change::Replay(WhenOvertaken::Refuse)).await?;
    let entry = wrong.ended().await?;
    writeln!(out, "corrected and replayed: {}, after {} attempts", entry.state, entry.attempts)?;
    worker.shutdown().await;

    if (entry.state, states) != (State::Done, [State::Done, State::Dead, State::Done]) {
        return Err("an order was not delivered".into());
    }
    Ok(())
}

/// Puts a token on an order. Only this layer knows that an order was not sent because it has no token, and says so; else a POST
/// might have been processed, and would be a dead letter.
async fn authenticated(
    http: Http,
    tokens: Uri,
    mut order: Request<Body>,
) -> Result<Request<Body>, CallError> {
    let token = token(http, tokens).await.map_err(|error| CallError::unsent(ErrorKind::Transport, error))?;
    order.headers_mut().insert(AUTHORIZATION, token);
    Ok(order)
}

/// A service of yours keeps a token for as long as it is good.
async fn token(http: Http, tokens: Uri) -> Result<HeaderValue, Box<dyn Error + Send + Sync>> {
    let response = http.oneshot(Request::post(tokens).body(Body::empty())?).await?;
    let token = response.into_body().collect().await?.to_bytes();
    Ok(HeaderValue::from_maybe_shared(token)?)
}

/// Gives tokens, when it is not token_server_down.
async fn token_server(token_server_down: Arc<AtomicBool>) -> std::io::Result<Server> {
    Server::with(move |_| match token_server_down.load(Ordering::SeqCst) {
        true => Reply::reset(),
        false => Reply::ok().body("Bearer 5f3b2d"),
    })
    .await
}

/// Refuses orders without stops, when it is not down.
async fn orders_api(api_down: Arc<AtomicBool>) -> std::io::Result<Server> {
    let mut received = 0;
    Server::with(move |request| {
        received += 1;
        let reply = if api_down.load(Ordering::SeqCst) {
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
