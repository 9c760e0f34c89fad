//! The clients of hyper-util and reqwest over HTTP/2. The server, built on the h2 crate, refuses requests.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use h2::{
    Reason,
    server::{Connection, SendResponse},
};
use http::{Request, Response, Uri};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{Attempts, Body, Outcome, ReqwestService, TrackingId};
use martello_outcome::BoxError;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};
use tower::{Layer, Service, ServiceExt};

use crate::support::{Http, quick, request};

/// A server that runs a script on its first connection, and answers every request on any other.
struct Server {
    address: SocketAddr,
    books: Arc<Books>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Books {
    connections: AtomicUsize,
    processed: AtomicUsize,
}

impl Server {
    async fn start<F>(first: impl FnOnce(TcpStream, Arc<Books>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (books, mut tasks) = (Arc::<Books>::default(), JoinSet::new());
        let of_server = Arc::clone(&books);
        tasks.spawn(async move {
            let stream = accept(&listener, &of_server).await;
            let others = async {
                let mut serving = JoinSet::new();
                loop {
                    let stream = accept(&listener, &of_server).await;
                    serving.spawn(answer_all(stream, Arc::clone(&of_server)));
                }
            };
            tokio::join!(first(stream, Arc::clone(&of_server)), others);
        });
        Self { address, books, _tasks: tasks }
    }

    fn uri(&self) -> Uri {
        format!("http://{}/orders", self.address).parse().unwrap()
    }

    /// The numbers of accepted connections and of processed requests.
    fn counted(&self) -> (usize, usize) {
        (self.books.connections.load(Relaxed), self.books.processed.load(Relaxed))
    }
}

async fn accept(listener: &TcpListener, books: &Books) -> TcpStream {
    let (stream, _) = listener.accept().await.unwrap();
    books.connections.fetch_add(1, Relaxed);
    stream
}

async fn answer_all(stream: TcpStream, books: Arc<Books>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, respond))) = connection.accept().await {
        answer(respond, &books);
    }
}

fn answer(mut respond: SendResponse<Bytes>, books: &Books) {
    let number = books.processed.fetch_add(1, Relaxed) + 1;
    let response = Response::builder().status(201).header("trackingid", format!("order-{number}"));
    respond.send_response(response.body(()).unwrap(), true).unwrap();
}

/// Waits until the peer has closed the connection, or until all streams of a connection after GOAWAY are
/// done.
async fn close(mut connection: Connection<TcpStream, Bytes>) {
    while let Some(Ok(_)) = connection.accept().await {}
}

fn hyper_util() -> Http {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

fn reqwest() -> ReqwestService {
    ReqwestService::new(reqwest::Client::builder().http2_prior_knowledge().no_proxy()).unwrap()
}

/// Sends a POST that succeeds, and returns the outcomes of its attempts.
async fn post<C, R>(client: C, server: &Server) -> Vec<Outcome>
where
    C: Service<Request<Body>, Response = Response<R>, Error: Into<BoxError>> + Clone,
    R: http_body::Body<Error: Into<BoxError>>,
{
    let stack = quick().build().unwrap().layer(client);
    let response = stack.oneshot(request("POST", server.uri())).await.unwrap();
    assert_eq!(response.status(), 201);
    assert!(TrackingId::of(&response).is_some());
    let outcome = |attempts: &Attempts| attempts.iter().map(|attempt| attempt.outcome).collect();
    Attempts::of(&response).map_or_else(|| vec![Outcome::Success], outcome)
}

const ONCE_MORE: [Outcome; 2] = [Outcome::Unsent, Outcome::Success];

/// Refuses the first stream (`REFUSED_STREAM`), and answers the others.
async fn refuse_the_first(stream: TcpStream, books: Arc<Books>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let (_, mut refused) = connection.accept().await.unwrap().unwrap();
    refused.send_reset(Reason::REFUSED_STREAM);
    while let Some(Ok((_, respond))) = connection.accept().await {
        answer(respond, &books);
    }
}

#[tokio::test]
async fn a_post_whose_stream_is_refused_goes_again_and_is_processed_once() {
    let server = Server::start(refuse_the_first).await;
    assert_eq!(post(hyper_util(), &server).await, ONCE_MORE);
    assert_eq!(server.counted(), (1, 1));

    let server = Server::start(refuse_the_first).await;
    assert_eq!(post(reqwest(), &server).await, ONCE_MORE);
    assert_eq!(server.counted(), (1, 1));
}

/// Sends GOAWAY with an error, and processes none of the requests that have arrived.
async fn go_away_with_an_error(stream: TcpStream, _: Arc<Books>) {
    let (stream, mut twin) = twins(stream).unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut waiting = [0; 1024];
    loop {
        let length = twin.peek(&mut waiting).await.unwrap();
        if has_request(waiting.get(..length).unwrap()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    close(connection).await;
    // Unread bytes would turn the close into a reset, which could discard the bytes written before.
    let _ = tokio::io::copy(&mut twin, &mut tokio::io::sink()).await;
}

/// Two handles of one socket: one peeks at the bytes that the other has not read yet.
fn twins(stream: TcpStream) -> io::Result<(TcpStream, TcpStream)> {
    let stream = stream.into_std()?;
    let twin = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, TcpStream::from_std(twin)?))
}

/// Whether these bytes contain a HEADERS frame (RFC 9113 §4.1).
fn has_request(mut frames: &[u8]) -> bool {
    while let [a, b, c, kind, _flags, _, _, _, _, rest @ ..] = frames {
        if *kind == 1 {
            return true;
        }
        let length = u32::from_be_bytes([0, *a, *b, *c]);
        frames = rest.get(length.try_into().unwrap()..).unwrap_or_default();
    }
    false
}

#[tokio::test]
async fn a_post_above_the_last_stream_of_a_goaway_with_an_error_goes_again_and_is_processed_once() {
    let server = Server::start(go_away_with_an_error).await;
    assert_eq!(post(hyper_util(), &server).await, ONCE_MORE);
    assert_eq!(server.counted(), (2, 1));

    let server = Server::start(go_away_with_an_error).await;
    assert_eq!(post(reqwest(), &server).await, ONCE_MORE);
    assert_eq!(server.counted(), (2, 1));
}

#[tokio::test]
async fn a_graceful_goaway_that_comes_while_the_connection_is_idle_costs_no_attempt() {
    let (gone, closed) = oneshot::channel();
    let server = Server::start(async |stream, books: Arc<Books>| {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (_, respond) = connection.accept().await.unwrap().unwrap();
        answer(respond, &books);
        connection.graceful_shutdown();
        close(connection).await;
        gone.send(()).unwrap();
    })
    .await;
    let client = hyper_util();
    assert_eq!(post(client.clone(), &server).await, [Outcome::Success]);
    closed.await.unwrap();
    assert_eq!(post(client, &server).await, [Outcome::Success]);
    assert_eq!(server.counted(), (2, 2));
}

/// Allows one concurrent stream. Sends a graceful GOAWAY while it processes the first request, then answers
/// it.
async fn go_away_at_work(
    stream: TcpStream,
    books: Arc<Books>,
    at_work: oneshot::Sender<()>,
    told: oneshot::Receiver<()>,
) {
    let one_at_a_time = h2::server::Builder::new().max_concurrent_streams(1).handshake(stream);
    let mut connection = one_at_a_time.await.unwrap();
    let (_, respond) = connection.accept().await.unwrap().unwrap();
    at_work.send(()).unwrap();
    tokio::select! {
        told = told => told.unwrap(),
        _ = connection.accept() => panic!("there is one in already"),
    }
    connection.graceful_shutdown();
    let sent = tokio::time::timeout(Duration::from_millis(50), connection.accept()).await;
    assert!(sent.is_err(), "no client starts a request on a connection after GOAWAY");
    answer(respond, &books);
    close(connection).await;
}

/// hyper has passed the first waiting request to h2, and its error only says that the task is gone. hyper
/// returns the others, and the client sends them on another connection. None of them was sent on this
/// connection.
#[tokio::test]
async fn of_requests_that_wait_for_a_connection_that_goes_away_gracefully_all_but_the_first_lose_nothing() {
    let ((at_work, working), (go_on, told)) = (oneshot::channel(), oneshot::channel());
    let server = Server::start(|stream, books| go_away_at_work(stream, books, at_work, told)).await;
    let stack = quick().build().unwrap().layer(hyper_util());
    let mut calls = JoinSet::new();
    let mut send = |name| {
        let call = stack.clone().oneshot(request("POST", server.uri()));
        calls.spawn(async move { (name, call.await.map(|response| Attempts::of(&response).cloned())) });
    };
    send("at work");
    working.await.unwrap();
    ["first", "second", "third"].into_iter().for_each(&mut send);
    // The requests queue up on this thread alone.
    tokio::time::sleep(Duration::from_millis(10)).await;
    go_on.send(()).unwrap();

    while let Some(call) = calls.join_next().await {
        match call.unwrap() {
            ("first", Err(error)) => {
                let outcomes: Vec<_> = error.attempts().iter().map(|attempt| attempt.outcome).collect();
                assert_eq!(outcomes, [Outcome::Ambiguous]);
            }
            (name, call) => assert!(call.unwrap().is_none(), "{name} succeeded at once"),
        }
    }
    assert_eq!(server.counted(), (2, 3));
}
