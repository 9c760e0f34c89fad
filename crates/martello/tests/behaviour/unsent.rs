//! The user's own layer around the client fails before it calls the client.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, Uri, header::AUTHORIZATION};
use http_body_util::BodyExt;
use martello::{
    Body, CallError, ErrorKind, Outbox, OutboxLayer, Outcome, Sent, Stacked,
    outbox::{MemoryStore, State, WorkerOptions},
    outcome::BoxError,
};
use martello_testkit::{Reply, Server};
use tower::{Layer, Service, ServiceExt, filter::AsyncFilterLayer, util::BoxCloneSyncService};

use crate::support::{http, quick, request};

type Client = BoxCloneSyncService<Request<Body>, Response<hyper::body::Incoming>, BoxError>;

/// Fetches a token for each attempt.
async fn token(uri: Uri) -> Result<HeaderValue, BoxError> {
    let request = Request::post(uri).body(Body::from("grant_type=client_credentials"))?;
    let response = http().oneshot(request).await?;
    if response.status() != 200 {
        return Err(format!("no token: {}", response.status()).into());
    }
    let token = response.into_body().collect().await?.to_bytes();
    Ok(HeaderValue::try_from(format!("Bearer {}", std::str::from_utf8(&token)?))?)
}

fn authenticated(tokens: &Uri) -> Client {
    let tokens = tokens.clone();
    let authenticate = move |mut request: Request<Body>| {
        let tokens = tokens.clone();
        async move {
            let token = token(tokens).await.map_err(|why| CallError::unsent(ErrorKind::Transport, why))?;
            request.headers_mut().insert(AUTHORIZATION, token);
            Ok::<_, CallError>(request)
        }
    };
    BoxCloneSyncService::new(AsyncFilterLayer::new(authenticate).layer(http()))
}

fn stacked(tokens: &Uri) -> Stacked<Client> {
    quick().build().unwrap().layer(authenticated(tokens))
}

/// The ways in which a token is unavailable. Only a refused connection proves by itself that nothing was
/// sent.
async fn without_tokens() -> Vec<(Uri, Box<dyn Any>)> {
    let refused = Server::refused().unwrap();
    let mut servers: Vec<(Uri, Box<dyn Any>)> = vec![(refused.uri("/token"), Box::new(refused))];
    for reply in [Reply::reset, Reply::close, || Reply::status(503), || Reply::status(401)] {
        let server = Server::with(move |_| reply()).await.unwrap();
        servers.push((server.uri("/token"), Box::new(server)));
    }
    servers
}

#[tokio::test]
async fn a_post_whose_token_is_unavailable_is_unsent_and_goes_again() {
    for (tokens, _server) in without_tokens().await {
        let api = Server::start().await.unwrap();
        let error = stacked(&tokens).oneshot(request("POST", api.uri("/orders"))).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
        assert_eq!((error.attempts().len(), api.requests().len()), (4, 0));
    }
}

#[tokio::test]
async fn a_post_whose_token_is_unavailable_is_deferred_and_no_dead_letter() {
    for (tokens, _server) in without_tokens().await {
        let (api, outbox) = (Server::start().await.unwrap(), Outbox::new(MemoryStore::new()));
        let orders = OutboxLayer::new(outbox.clone()).layer(stacked(&tokens));
        let Sent::Deferred(ticket) = orders.oneshot(request("POST", api.uri("/orders"))).await.unwrap()
        else {
            panic!("not deferred");
        };
        let detail = ticket.detail().await.unwrap();
        let outcomes: Vec<_> = detail.attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!((detail.entry.state, outcomes), (State::Ready, vec![Outcome::Unsent; 4]));
        assert_eq!(api.requests().len(), 0);
    }
}

#[tokio::test]
async fn a_stored_post_whose_token_is_unavailable_waits_for_it() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let tokens = Server::with(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::reset(),
        1 => Reply::status(500),
        _ => Reply::ok().body("a-token"),
    });
    let tokens = tokens.await.unwrap();
    let (api, outbox) = (Server::start().await.unwrap(), Outbox::new(MemoryStore::new()));
    let ticket = outbox.enqueue(request("POST", api.uri("/orders"))).await.unwrap();
    let once = quick().without_retry().build().unwrap().layer(authenticated(&tokens.uri("/token")));
    let soon = Duration::from_millis(1);
    let options = WorkerOptions::builder().backoff(soon, soon).build().unwrap();
    let worker = outbox.worker(once).with_options(options).start();
    let holds = async || outbox.store().queues().await.unwrap().remove(0).holds;
    let held = async {
        while holds().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        holds().await.remove(0)
    };
    let held = tokio::time::timeout(Duration::from_secs(20), held).await.unwrap();
    let authority = api.uri("/").authority().unwrap().to_string();
    assert_eq!((held.authority, held.why.starts_with("nothing was sent: ")), (authority, true));

    let ended = tokio::time::timeout(Duration::from_secs(20), ticket.ended()).await;
    assert_eq!(ended.unwrap().unwrap().state, State::Done);
    // Entries that were claimed and not tried are released, without an attempt.
    let attempts = ticket.detail().await.unwrap().attempts;
    let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!((outcomes, asked.load(Ordering::SeqCst)), (vec![Outcome::Success], 3));
    assert_eq!(api.requests()[0].header("authorization"), Some("Bearer a-token"));
    assert_eq!(holds().await, []);
    let health = worker.shutdown().await;
    assert_eq!((health.given_back, health.deferred(Outcome::Unsent), health.failures_in_row), (2, 0, 0));
}

/// A client whose `poll_ready` fails, because it has no token.
#[derive(Clone)]
struct Unready;

impl Service<Request<Body>> for Unready {
    type Response = Response<hyper::body::Incoming>;
    type Error = BoxError;
    type Future = std::future::Pending<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Err("no token".into()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::pending()
    }
}

#[tokio::test]
async fn a_failure_before_the_client_is_ready_is_unsent_without_any_mapping() {
    let outbox = Outbox::new(MemoryStore::new());
    let orders = OutboxLayer::new(outbox.clone()).layer(quick().build().unwrap().layer(Unready));
    let sent = orders.oneshot(request("POST", Uri::from_static("http://api.example/orders"))).await.unwrap();
    let Sent::Deferred(ticket) = sent else { panic!("not deferred") };
    assert_eq!(ticket.status().await.unwrap().state, State::Ready);
}
