//! A stack over a client that is composed from hyper-util's `client::pool`. For each origin, the client
//! connects over TLS, and the server chooses the protocol. With HTTP/2 all requests share one connection.
//! With HTTP/1.1 each request uses a connection of its own, and returns it to the pool.
//!
//! ```text
//! cargo run --example hyper_pool
//! ```

mod connection;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, Uri, Version};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::{
        legacy::connect::{Connection, HttpConnector},
        pool::{cache, map::Map, negotiate, singleton::Singleton},
    },
    rt::TokioIo,
};
use martello::{Body, CallError, ErrorKind, Stack, body::Guarded};
use support::{BoxError, Log, Planner, Protocols, Tls};
use tokio::net::TcpStream;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};

use crate::connection::{Http1, Http2};

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (log, tls) = (Log::start(), Tls::new()?);
    for (protocols, version) in [(Protocols::Http1, Version::HTTP_11), (Protocols::Http2, Version::HTTP_2)] {
        let planner = Planner::start_with(&tls, protocols).await?;
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls.trusted()?)
            .https_only()
            .enable_all_versions()
            .build();
        let api = Stack::new().build()?.layer(client(https));
        support::deliver(api, version, &planner, &log).await?;
    }
    Ok(())
}

/// The types of hyper-util's pools cannot be named. The box gives the client a type for the fields of a
/// struct.
type Client = BoxCloneSyncService<Request<Body>, Response<UnsyncBoxBody<Bytes, hyper::Error>>, CallError>;

/// How many closed connections an attempt skips before it fails.
const MAX_CLOSED: u32 = 16;

/// Composes the client. Only this client knows which failures happen before the request is sent, so it
/// reports them as `CallError::unsent`.
fn client(https: HttpsConnector<HttpConnector>) -> Client {
    let origin = move |_: &Uri| {
        let http1 = ServiceBuilder::new()
            .layer_fn(|connect| cache::builder().build(connect))
            .and_then(Http1::handshake);
        let http2 = ServiceBuilder::new().layer_fn(Singleton::new).and_then(Http2::handshake);
        negotiate::builder()
            .connect(https.clone())
            .inspect(|stream: &Stream| stream.connected().is_negotiated_h2())
            .fallback(http1)
            .upgrade(http2)
            .build::<Uri>()
    };
    let origins = Map::builder::<Uri>()
        .keys(|uri| (uri.scheme().cloned(), uri.authority().cloned()))
        .values(origin)
        .build();
    let origins = Arc::new(Mutex::new(origins));
    BoxCloneSyncService::new(service_fn(move |request: Request<Body>| {
        let origin = origins.lock().unwrap_or_else(PoisonError::into_inner).service(request.uri()).clone();
        async move {
            let mut closed = 0;
            let mut connection = loop {
                let connecting = origin.clone().oneshot(request.uri().clone());
                let unconnected = |error| CallError::unsent(ErrorKind::Transport, error);
                let mut connection = connecting.await.map_err(unconnected)?;
                match connection.ready().await {
                    Ok(_) => break connection,
                    // The connection closed while it was idle, and is not returned to the pool. The pool may
                    // hold more closed connections than a call has attempts, so take the next one here.
                    Err(_) if closed < MAX_CLOSED => closed += 1,
                    Err(error) => return Err(CallError::unsent(ErrorKind::Transport, error)),
                }
            };
            let response = connection.call(request).await.map_err(CallError::from_source)?;
            // The connection returns to the pool when the body ends.
            Ok(response.map(|body| Guarded::new(body, Some(connection)).boxed_unsync()))
        }
    }))
}
