//! Errors of real connections over HTTP/1.1.

use std::{
    io, iter,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Uri};
use http_body::{Body, Frame};
use http_body_util::{Empty, StreamBody};
use hyper::client::conn::http1;
use hyper_util::{
    client::legacy::{Client, Error, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use martello_outcome::{BoxError, CallError, Outcome};
use martello_testkit::{Reply, Server};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::oneshot,
};
use tower::ServiceExt;

use super::fault_chains::{Wrapped, outcome};

/// A body whose source, another server, refuses the connection after a signal.
pub(super) fn broken_body() -> (oneshot::Sender<()>, impl Body<Data = Bytes, Error = io::Error> + Send + Unpin)
{
    body_that_fails_with(io::ErrorKind::ConnectionRefused.into())
}

fn body_that_fails_with(
    error: io::Error,
) -> (oneshot::Sender<()>, impl Body<Data = Bytes, Error = io::Error> + Send + Unpin) {
    let (fail, told) = oneshot::channel();
    let start = stream::once(std::future::ready(Ok(Frame::data(Bytes::from("start")))));
    let end = stream::once(async {
        let _ = told.await;
        Err(error)
    });
    (fail, StreamBody::new(start.chain(end).boxed()))
}

/// The error of hyper-util's connector for a port without a listener.
async fn connect_error() -> BoxError {
    let refused = Server::refused().unwrap();
    HttpConnector::new().oneshot(refused.uri("/")).await.unwrap_err().into()
}

async fn send<B>(request: Request<B>) -> Result<(), Error>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
{
    let client = Client::builder(TokioExecutor::new()).build_http();
    client.request(request).await.map(|_| ())
}

fn get(uri: Uri) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

async fn outcome_of(reply: Reply) -> Outcome {
    let server = Server::start().await.unwrap();
    server.reply(reply);
    outcome(send(get(server.uri("/"))).await.unwrap_err())
}

#[tokio::test]
async fn a_refused_connection_is_unsent() {
    let refused = Server::refused().unwrap();
    let error = CallError::from_source(send(get(refused.uri("/"))).await.unwrap_err());
    assert_eq!(error.outcome(), Outcome::Unsent);
}

#[tokio::test]
async fn a_host_without_an_address_is_unsent() {
    let nowhere =
        tower::service_fn(async |_| Err::<iter::Empty<SocketAddr>, _>(io::Error::other("no such host")));
    let connector = HttpConnector::new_with_resolver(nowhere);
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let error = client.request(get(Uri::from_static("http://api.example/"))).await.unwrap_err();
    assert_eq!(outcome(error), Outcome::Unsent);
}

/// As tonic's channel and a client of the user's own hand it on.
#[tokio::test]
async fn a_connection_that_the_connector_could_not_make_is_unsent_with_every_client() {
    assert_eq!(outcome(connect_error().await), Outcome::Unsent);
    assert_eq!(outcome(Wrapped(connect_error().await)), Outcome::Unsent);
    assert_eq!(outcome(io::Error::other(connect_error().await)), Outcome::Unsent);
}

#[tokio::test]
async fn a_reset_before_the_head_is_ambiguous() {
    assert_eq!(outcome_of(Reply::reset()).await, Outcome::Ambiguous);
}

#[tokio::test]
async fn a_close_without_an_answer_is_ambiguous() {
    assert_eq!(outcome_of(Reply::close()).await, Outcome::Ambiguous);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_ambiguous() {
    assert_eq!(outcome_of(Reply::raw("who is there?\r\n\r\n")).await, Outcome::Ambiguous);
}

#[tokio::test]
async fn a_request_body_that_fails_is_ambiguous_whatever_its_source() {
    for error in [io::ErrorKind::ConnectionRefused.into(), io::Error::other(connect_error().await)] {
        let server = Server::start().await.unwrap();
        let (fail, body) = body_that_fails_with(error);
        let request = Request::post(server.uri("/")).body(body).unwrap();
        let (sent, ()) = tokio::join!(send(request), async {
            server.received(1).await;
            fail.send(()).unwrap();
        });
        assert_eq!(outcome(sent.unwrap_err()), Outcome::Ambiguous);
    }
}

#[tokio::test]
async fn a_request_that_hyper_returns_is_unsent() {
    let server = Server::start().await.unwrap();
    let stream = TokioIo::new(TcpStream::connect(server.address()).await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    // The connection closes with the request in its queue.
    let sent = sender.send_request(get(Uri::from_static("/")));
    drop(connection);
    let handed_back = sent.await.unwrap_err();
    assert!(handed_back.is_canceled());
    assert_eq!(outcome(handed_back), Outcome::Unsent);

    let too_late = sender.ready().await.unwrap_err();
    assert!(too_late.is_closed());
    assert_eq!(outcome(too_late), Outcome::Unsent);
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn an_attempt_that_has_no_answer_in_time_is_ambiguous() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::silence());
    let waiting = tokio::time::timeout(Duration::from_millis(50), send(get(server.uri("/"))));
    assert_eq!(outcome(waiting.await.unwrap_err()), Outcome::Ambiguous);
}

/// Takes what is written, and refuses to be read from after that.
#[derive(Default)]
struct Tunnel {
    written: usize,
    reader: Option<Waker>,
}

impl AsyncRead for Tunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.written > 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written += bytes.len();
        self.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// As of a tunnel that connects when it is first written to.
#[tokio::test]
async fn a_connection_that_is_refused_after_it_took_the_request_is_ambiguous() {
    let (mut sender, connection) = http1::handshake(TokioIo::new(Tunnel::default())).await.unwrap();
    let (sent, _) = tokio::join!(sender.send_request(get(Uri::from_static("/"))), connection);
    assert_eq!(outcome(sent.unwrap_err()), Outcome::Ambiguous);
}
