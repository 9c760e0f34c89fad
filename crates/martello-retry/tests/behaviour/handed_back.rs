//! hyper-util's client over a connection that the server has closed.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use http::{Request, Uri};
use http_body_util::BodyExt;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use martello_body::Body;
use martello_outcome::Attempts;
use martello_retry::RetryLayer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinSet,
};
use tower::{Layer, ServiceExt, service_fn};

/// A connection in memory. Unlike a socket it shows its end at once, before the runtime polls it.
struct Wire(TokioIo<DuplexStream>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Answers one request on each connection, and keeps the connection open.
async fn serve(mut accepted: UnboundedReceiver<DuplexStream>, open: Arc<Mutex<Vec<DuplexStream>>>) {
    while let Some(mut stream) = accepted.recv().await {
        let mut request = Vec::new();
        while !request.ends_with(b"{}") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        open.lock().unwrap().push(stream);
    }
}

/// The client finds its idle connection closed and retries the request itself, on another connection. If that
/// is disabled, it returns the request, and the layer retries it, although it is a POST.
#[tokio::test]
async fn a_request_that_the_client_retries_counts_once() {
    for (by_itself, attempts) in [(true, None), (false, Some(2))] {
        let (connect, accepted) = unbounded_channel();
        let connector = service_fn(move |_: Uri| {
            let (near, far) = duplex(1024);
            let connected = connect.send(far).map(|()| Wire(TokioIo::new(near)));
            std::future::ready(connected.map_err(io::Error::other))
        });
        let open = Arc::new(Mutex::new(Vec::new()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(accepted, Arc::clone(&open)));

        let mut builder = Client::builder(TokioExecutor::new());
        let client = builder.retry_canceled_requests(by_itself).build::<_, Body>(connector);
        let service = RetryLayer::default().layer(client);
        for expected in [None, attempts] {
            let request = Request::post("http://api.example/").body(Body::from("{}")).unwrap();
            let response = service.clone().oneshot(request).await.unwrap();
            assert_eq!(Attempts::of(&response).map(|attempts| attempts.len()), expected, "{by_itself}");
            response.into_body().collect().await.unwrap();
            open.lock().unwrap().clear();
        }
    }
}
