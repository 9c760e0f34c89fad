//! hyper-util's client and a raw connection, to call the server.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use martello_testkit::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(crate) type Http = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn client() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) async fn read<B>(response: Response<B>) -> Result<Bytes, B::Error>
where
    B: http_body::Body<Data = Bytes>,
{
    Ok(response.into_body().collect().await?.to_bytes())
}

pub(crate) fn post(uri: Uri, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post(uri).body(Full::new(body.into())).unwrap()
}

/// Longer than any step takes on a busy machine, so that a test fails instead of hanging.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("this should not take half a minute")
}

/// Sends bytes over a new connection, and returns what the server sends until it closes.
pub(crate) async fn raw(server: &Server, request: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(server.address()).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
