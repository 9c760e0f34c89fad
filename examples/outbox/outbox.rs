//! Three orders during an outage. All are stored in a file, and a worker delivers them when the API is back.
//!
//! The first order is delivered. The API rejects the second: it becomes a dead letter, which the program
//! corrects and replays. The third is a POST for which no token is available. It was not sent, so it is
//! stored and delivered like the first, and does not become a dead letter.
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
    // Credentials are never stored. This layer adds a token to each attempt, whether the order is sent now or
    // later.
    let (http, url) = (client.clone(), tokens.uri("/token"));
    let authenticated = AsyncFilterLayer::new(move |order| authenticated(http.clone(), url.clone(), order));
    let http = authenticated.layer(client);
    let five = ConcurrencyLimitLayer::default(); // both stacks share five permits
    let stack = Stack::new().limit(five.clone()).build()?.layer(http.clone());
    let once = Stack::new().limit(five).without_retry().build()?.layer(http);

    let outbox = Outbox::new(SqliteStore::open(directory.path().join("outbox.db")).await?);
    let orders = OutboxLayer::new(outbox.clone()).layer(stack);
    let worker = outbox.worker(once).start();

    let order = Request::put(api.uri("/orders/17")).body(Body::from(r#"{"stops":3}"#))?;
    let Sent::Deferred(right) = orders.clone().oneshot(order).await? else {
        return Err("the order was not deferred, although the API is down".into());
    };
    let order = Request::put(api.uri("/orders/18")).body(Body::from(r#"{"stops":-1}"#))?;
    let Sent::Deferred(wrong) = orders.clone().oneshot(order).await? else {
        return Err("the order was not deferred, although the API is down".into());
    };
    token_server_down.store(true, Ordering::SeqCst);
    let order = Request::post(api.uri("/orders")).body(Body::from(r#"{"stops":5}"#))?;
    let Sent::Deferred(new) = orders.oneshot(order).await? else {
        return Err("the order was not deferred, although there is no token".into());
    };
    writeln!(out, "deferred: {}, {} and {}", right.id(), wrong.id(), new.id())?;

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

/// Adds a token to an order. Without a token the order is not sent. Only this layer knows that, so it returns
/// `CallError::unsent`. With any other error the POST might have been processed, and would become a dead
/// letter.
async fn authenticated(
    http: Http,
    tokens: Uri,
    mut order: Request<Body>,
) -> Result<Request<Body>, CallError> {
    let token = token(http, tokens).await.map_err(|error| CallError::unsent(ErrorKind::Transport, error))?;
    order.headers_mut().insert(AUTHORIZATION, token);
    Ok(order)
}

/// Fetches a token. A real service caches it until it expires.
async fn token(http: Http, tokens: Uri) -> Result<HeaderValue, Box<dyn Error + Send + Sync>> {
    let response = http.oneshot(Request::post(tokens).body(Body::empty())?).await?;
    let token = response.into_body().collect().await?.to_bytes();
    Ok(HeaderValue::from_maybe_shared(token)?)
}

/// Starts a server that issues tokens, unless it is down.
async fn token_server(token_server_down: Arc<AtomicBool>) -> std::io::Result<Server> {
    Server::with(move |_| match token_server_down.load(Ordering::SeqCst) {
        true => Reply::reset(),
        false => Reply::ok().body("Bearer 5f3b2d"),
    })
    .await
}

/// Starts an API that rejects orders without stops, and answers 503 to all orders while it is down.
async fn orders_api(api_down: Arc<AtomicBool>) -> std::io::Result<Server> {
    let mut received = 0;
    Server::with(move |request| {
        received += 1;
        let reply = if api_down.load(Ordering::SeqCst) {
            Reply::status(503)
        } else if request.body.ends_with(b"-1}") {
            Reply::status(422).body(r#"{"error":"an order needs at least one stop"}"#)
        } else {
            Reply::status(201)
        };
        reply.header("trackingid", format!("order-api-{received}"))
    })
    .await
}
