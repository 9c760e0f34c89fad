//! Requests that a real client refuses for good, and the errors that must not be taken for that.

use std::{
    future::{Ready, ready},
    io, iter,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Uri, Version};
use http_body_util::Empty;
use hyper::rt::Executor;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client, Error,
        connect::{Connect, HttpConnector, dns::Name, proxy::Tunnel},
    },
    rt::TokioExecutor,
};
use martello_outcome::{BoxError, CallError, Outcome};
use martello_testkit::{Reply, Server};
use tokio::task::JoinSet;
use tower::{Service, ServiceExt};

use super::fault_chains::Wrapped;

type Get = Request<Empty<Bytes>>;

/// The kind and the outcome of a call that ended with this error.
fn read(error: impl Into<BoxError>) -> (&'static str, Outcome) {
    let error = CallError::from_source(error);
    (error.kind().as_str(), error.outcome())
}

const NEVER: (&str, Outcome) = ("unsendable", Outcome::Unsent);
const NOT_NOW: (&str, Outcome) = ("transport", Outcome::Unsent);
const NOBODY_KNOWS: (&str, Outcome) = ("transport", Outcome::Ambiguous);

fn get(uri: impl TryInto<Uri, Error: std::fmt::Debug>) -> Get {
    Request::get(uri.try_into().unwrap()).body(Empty::new()).unwrap()
}

async fn sent_by<C>(connector: C, request: Get) -> Error
where
    C: Connect + Clone + Send + Sync + 'static,
{
    Client::builder(TokioExecutor::new()).build(connector).request(request).await.unwrap_err()
}

async fn sent(request: Get) -> Error {
    sent_by(HttpConnector::new(), request).await
}

async fn connected(connector: HttpConnector<impl Resolves>, uri: &'static str) -> BoxError {
    connector.oneshot(Uri::from_static(uri)).await.unwrap_err().into()
}

/// What `HttpConnector` asks of a resolver, which it does not name in public.
trait Resolves:
    Service<Name, Response = iter::Empty<SocketAddr>, Error = io::Error, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<R> Resolves for R where
    R: Service<Name, Response = iter::Empty<SocketAddr>, Error = io::Error, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A resolver that fails: before it is asked, when it is asked, or with an answer of no addresses.
#[derive(Clone, Copy)]
enum Resolver {
    NotReady,
    Fails,
    KnowsNothing,
}

impl Service<Name> for Resolver {
    type Response = iter::Empty<SocketAddr>;
    type Error = io::Error;
    type Future = Ready<io::Result<iter::Empty<SocketAddr>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self {
            Self::NotReady => Err(io::Error::other("no resolver")),
            _ => Ok(()),
        })
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(match self {
            Self::KnowsNothing => Ok(iter::empty()),
            _ => Err(io::Error::other("no such host")),
        })
    }
}

fn https(http: HttpConnector) -> HttpsConnector<HttpConnector> {
    let config = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(http)
}

/// A connector of TCP as one that speaks TLS needs it.
fn any_scheme() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector
}

#[tokio::test]
async fn a_target_without_a_host_is_never_sent() {
    assert_eq!(read(sent(get("/orders/1")).await), NEVER);
    assert_eq!(read(sent(get("api.example:80")).await), NEVER);
}

#[tokio::test]
async fn a_version_or_a_method_that_the_client_does_not_know_is_never_sent() {
    for version in [Version::HTTP_09, Version::HTTP_3] {
        let mut request = get("http://api.example/");
        *request.version_mut() = version;
        assert_eq!(read(sent(request).await), NEVER, "{version:?}");
    }
    let mut connect = get("http://api.example/");
    *connect.version_mut() = Version::HTTP_10;
    *connect.method_mut() = Method::CONNECT;
    assert_eq!(read(sent(connect).await), NEVER);
}

#[tokio::test]
async fn http2_over_a_connection_of_http1_may_find_another_connection_the_next_time() {
    let server = Server::start().await.unwrap();
    let mut request = get(server.uri("/"));
    *request.version_mut() = Version::HTTP_2;
    assert_eq!(read(sent(request).await), NOT_NOW);
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_scheme_that_the_connector_does_not_speak_is_never_sent() {
    for uri in ["https://127.0.0.1:1/", "ftp://127.0.0.1:1/"] {
        assert_eq!(read(sent(get(uri)).await), NEVER, "{uri}");
        // The connector alone, as a client of the user's own has it.
        assert_eq!(
            read(connected(HttpConnector::new_with_resolver(Resolver::Fails), uri).await),
            NEVER,
            "{uri}"
        );
    }
    // `enforce_http` is still on.
    assert_eq!(read(sent_by(https(HttpConnector::new()), get("https://127.0.0.1:1/")).await), NEVER);
}

#[tokio::test]
async fn a_target_without_scheme_or_host_is_refused_by_the_connector_itself() {
    for uri in ["/orders/1", "api.example:80"] {
        let mut connector = HttpConnector::new_with_resolver(Resolver::Fails);
        connector.enforce_http(false);
        assert_eq!(read(connected(connector, uri).await), NEVER, "{uri}");
    }
}

#[tokio::test]
async fn an_io_error_leaves_the_decision_to_the_error_that_it_wraps() {
    assert_eq!(read(io::Error::other(sent(get("/orders/1")).await)), NEVER);
    assert_eq!(read(io::Error::other(sent(get("https://127.0.0.1:1/")).await)), NEVER);
}

/// It may speak of a second exchange, such as that with the `Location` of an answer: the request itself was
/// processed then.
#[tokio::test]
async fn a_refused_request_below_an_unknown_error_is_ambiguous() {
    assert_eq!(read(Wrapped(sent(get("/orders/1")).await.into())), NOBODY_KNOWS);
}

/// To give a request up for good would be a guess.
#[tokio::test]
async fn a_refused_target_below_an_unknown_error_is_unsent_and_not_unsendable() {
    assert_eq!(read(Wrapped(sent(get("https://127.0.0.1:1/")).await.into())), NOT_NOW);
}

/// The proxy's address is what the connector refuses here, and not the request's.
#[tokio::test]
async fn a_proxy_that_cannot_be_reached_is_no_fault_of_the_request() {
    let tunnel = Tunnel::new(Uri::from_static("https://127.0.0.1:1/"), HttpConnector::new());
    assert_eq!(read(sent_by(tunnel, get("http://api.example/")).await), NOT_NOW);
}

#[tokio::test]
async fn a_connection_that_could_not_be_made_may_be_made_the_next_time() {
    let refused = Server::refused().unwrap();
    let at = |scheme: &str| refused.uri("/").to_string().replace("http:", scheme);
    assert_eq!(read(sent(get(refused.uri("/"))).await), NOT_NOW);
    assert_eq!(read(sent_by(https(any_scheme()), get(at("http:"))).await), NOT_NOW);
    assert_eq!(read(sent_by(https(any_scheme()), get(at("https:"))).await), NOT_NOW);

    // It answers, and not in TLS.
    let server = Server::start().await.unwrap();
    let plain = server.uri("/").to_string().replace("http:", "https:");
    assert_eq!(read(sent_by(https(any_scheme()), get(plain)).await), NOT_NOW);

    let mut elsewhere = HttpConnector::new();
    elsewhere.set_local_address(Some(IpAddr::from([192, 0, 2, 1])));
    assert_eq!(read(sent_by(elsewhere, get(server.uri("/"))).await), NOT_NOW);

    let mut impatient = HttpConnector::new();
    impatient.set_connect_timeout(Some(Duration::from_nanos(1)));
    assert_eq!(read(sent_by(impatient, get(refused.uri("/"))).await), NOT_NOW);
}

#[tokio::test]
async fn a_host_that_has_no_address_may_have_one_the_next_time() {
    for resolver in [Resolver::NotReady, Resolver::Fails, Resolver::KnowsNothing] {
        let connector = || HttpConnector::new_with_resolver(resolver);
        assert_eq!(read(connected(connector(), "http://api.example/").await), NOT_NOW);
        assert_eq!(read(sent_by(connector(), get("http://api.example/")).await), NOT_NOW);
    }
    // It is not a name, but it is the resolver that fails.
    assert_eq!(read(sent(get("http://:1/")).await), NOT_NOW);
}

/// It is an error of rustls's connector, and only its text differs from that of a broken connection.
#[tokio::test]
async fn a_scheme_that_a_connector_of_tls_does_not_speak_is_not_recognised() {
    assert_eq!(read(sent_by(https(any_scheme()), get("ftp://127.0.0.1:1/")).await), NOT_NOW);
}

#[tokio::test]
async fn what_happens_on_a_connection_is_never_for_good() {
    for reply in [Reply::reset(), Reply::close(), Reply::raw("who is there?\r\n\r\n")] {
        let server = Server::start().await.unwrap();
        server.reply(reply);
        assert_eq!(read(sent(get(server.uri("/"))).await), NOBODY_KNOWS);
    }
}

/// Runs the connections of a client until a signal to drop them.
#[derive(Clone, Default)]
struct Connections(Arc<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Connections
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, connection: F) {
        self.0.lock().unwrap().spawn(async {
            connection.await;
        });
    }
}

#[tokio::test]
async fn a_request_that_an_idle_connection_returns_may_be_sent_the_next_time() {
    let (server, connections) = (Server::start().await.unwrap(), Connections::default());
    let client = Client::builder(connections.clone()).retry_canceled_requests(false).build_http();
    client.request(get(server.uri("/"))).await.unwrap();
    // Its body is empty, so that its connection is back as soon as others were let run.
    tokio::time::sleep(Duration::from_millis(20)).await;
    connections.0.lock().unwrap().abort_all();
    let error = client.request(get(server.uri("/"))).await.unwrap_err();
    assert!(!error.is_connect() && std::error::Error::source(&error).is_some(), "{error:?}");
    assert_eq!((read(error), server.requests().len()), (NOT_NOW, 1));
}

/// While one request connects over HTTP/2, the others wait for it; their own attempts to connect are given
/// up, with an error that has no source and reaches no caller.
#[tokio::test]
async fn requests_that_wait_for_one_connection_of_http2_may_be_sent_the_next_time() {
    for retries in [true, false] {
        for pooled in [usize::MAX, 0] {
            let refused = Server::refused().unwrap();
            let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new())
                .http2_only(true)
                .pool_max_idle_per_host(pooled)
                .retry_canceled_requests(retries)
                .build_http();
            let mut calls: JoinSet<Error> = JoinSet::new();
            for _ in 0..10 {
                let call = client.request(get(refused.uri("/")));
                calls.spawn(async { call.await.unwrap_err() });
            }
            for error in calls.join_all().await {
                assert_eq!(read(error), NOT_NOW, "{retries} {pooled}");
            }
        }
    }
}
