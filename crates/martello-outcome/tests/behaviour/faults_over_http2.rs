//! Errors of real connections over HTTP/2.

use std::{error::Error, io, net::SocketAddr};

use bytes::Bytes;
use h2::Reason;
use http::{Request, Uri};
use http_body::Body;
use http_body_util::Empty;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use martello_outcome::{BoxError, Outcome};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{fault_chains::outcome, faults_over_http1::broken_body};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Resets every stream of one connection with this reason.
async fn resetting(listener: TcpListener, reason: Reason) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        respond.send_reset(reason);
    }
}

/// The error of hyper-util's client for a stream that the server resets.
async fn reset(reason: Reason) -> hyper_util::client::legacy::Error {
    let (listener, address) = listen().await;
    let mut server = JoinSet::new();
    server.spawn(resetting(listener, reason));
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    client.request(get(address)).await.unwrap_err()
}

fn get(address: SocketAddr) -> Request<Empty<Bytes>> {
    Request::get(format!("http://{address}/")).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn a_stream_that_the_server_refused_is_unsent() {
    assert_eq!(outcome(reset(Reason::REFUSED_STREAM).await), Outcome::Unsent);
}

#[tokio::test]
async fn a_stream_that_the_server_reset_for_another_reason_is_ambiguous() {
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM] {
        assert_eq!(outcome(reset(reason).await), Outcome::Ambiguous, "{reason}");
    }
}

#[tokio::test]
async fn an_io_error_leaves_the_word_to_the_h2_error_inside() {
    for (reason, expected) in
        [(Reason::REFUSED_STREAM, Outcome::Unsent), (Reason::INTERNAL_ERROR, Outcome::Ambiguous)]
    {
        let (listener, address) = listen().await;
        let mut tasks = JoinSet::new();
        tasks.spawn(resetting(listener, reason));
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
        tasks.spawn(async move {
            let _ = connection.await;
        });
        let request = Request::get("http://api.example/").body(()).unwrap();
        let error = sender.send_request(request, true).unwrap().0.await.unwrap_err();
        assert_eq!(outcome(io::Error::other(error)), expected);
    }
}

#[tokio::test]
async fn a_refusal_that_did_not_come_from_the_server_proves_nothing() {
    let ours = h2::Error::from(Reason::REFUSED_STREAM);
    assert!(!ours.is_remote());
    assert_eq!(outcome(ours), Outcome::Ambiguous);
}

/// A server that writes frames by hand, because h2's own keeps its promises.
struct Frames(TcpStream);

impl Frames {
    async fn accept(listener: &TcpListener) -> Self {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await.unwrap();
        let empty_settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        stream.write_all(&empty_settings).await.unwrap();
        Self(stream)
    }

    /// Reads until the requests of so many streams have begun.
    async fn requests(&mut self, count: usize) {
        let mut begun = 0;
        while begun < count {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length.try_into().unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            begun += usize::from(head[3] == 1);
        }
    }

    async fn go_away(&mut self, last_stream: u8, reason: Reason) {
        let [a, b, c, d] = u32::from(reason).to_be_bytes();
        let frame = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last_stream, a, b, c, d];
        self.0.write_all(&frame).await.unwrap();
    }
}

async fn connect<B>(address: SocketAddr, tasks: &mut JoinSet<()>) -> SendRequest<B>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tasks.spawn(async move {
        let _ = connection.await;
    });
    sender
}

#[tokio::test]
async fn of_a_connection_that_goes_away_only_streams_above_the_last_are_unsent() {
    // hyper can give the graceful one to a request that it has just sent: it proves nothing.
    for (reason, expected) in
        [(Reason::NO_ERROR, Outcome::Ambiguous), (Reason::INTERNAL_ERROR, Outcome::Unsent)]
    {
        let (listener, address) = listen().await;
        let mut tasks = JoinSet::new();
        let (sender, mut server) = tokio::join!(connect(address, &mut tasks), Frames::accept(&listener));
        let (mut first, mut second) = (sender.clone(), sender);
        let mut taken = std::pin::pin!(first.send_request(get(address)));
        let mut above = std::pin::pin!(second.send_request(get(address)));

        // Streams 1 and 3; the server reports that it processed stream 1 only.
        tokio::select! {
            () = server.requests(2) => {}
            _ = &mut taken => unreachable!("the server has not answered"),
            _ = &mut above => unreachable!("the server has not answered"),
        }
        server.go_away(1, reason).await;
        assert_eq!(outcome(above.await.unwrap_err()), expected, "{reason}");

        // Then it dies with stream 1 in its hands.
        drop(server);
        assert_eq!(outcome(taken.await.unwrap_err()), Outcome::Ambiguous, "{reason}");
    }
}

#[tokio::test]
async fn a_connection_that_closes_without_a_response_is_ambiguous() {
    let (listener, address) = listen().await;
    let mut tasks = JoinSet::new();
    let (mut sender, mut server) = tokio::join!(connect(address, &mut tasks), Frames::accept(&listener));
    let (sent, ()) = tokio::join!(sender.send_request(get(address)), async {
        server.requests(1).await;
        drop(server);
    });
    assert_eq!(outcome(sent.unwrap_err()), Outcome::Ambiguous);
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_ambiguous() {
    let (listener, address) = listen().await;
    let mut tasks = JoinSet::new();
    let (mut sender, mut server) = tokio::join!(connect(address, &mut tasks), Frames::accept(&listener));
    let (sent, ()) = tokio::join!(sender.send_request(get(address)), async {
        server.requests(1).await;
        let data_on_no_stream = [0, 0, 0, 0, 0, 0, 0, 0, 0];
        server.0.write_all(&data_on_no_stream).await.unwrap();
    });
    let error = sent.unwrap_err();
    let h2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    assert!(h2.is_some_and(|error| error.is_go_away() && error.is_library()), "our own GOAWAY");
    assert_eq!(outcome(error), Outcome::Ambiguous);
}

#[tokio::test]
async fn a_request_body_that_fails_is_ambiguous_whatever_its_source() {
    let (listener, address) = listen().await;
    let mut tasks = JoinSet::new();
    let (mut sender, mut server) = tokio::join!(connect(address, &mut tasks), Frames::accept(&listener));
    let (fail, body) = broken_body();
    let request = Request::post(format!("http://{address}/")).body(body).unwrap();
    let (sent, ()) = tokio::join!(sender.send_request(request), async {
        server.requests(1).await;
        fail.send(()).unwrap();
    });
    assert_eq!(outcome(sent.unwrap_err()), Outcome::Ambiguous);
}

#[tokio::test]
async fn a_request_that_hyper_returns_is_unsent() {
    let (listener, address) = listen().await;
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), stream).await.unwrap();
    let sent = sender
        .send_request(Request::get(Uri::from_static("http://api.example/")).body(Empty::new()).unwrap());
    drop(connection);
    assert_eq!(outcome(sent.await.unwrap_err()), Outcome::Unsent);
    drop(listener);
}
