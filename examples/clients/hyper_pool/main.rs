//! hyper-util's `client::pool`: a client that is put together from its parts. For each origin the connections are made
//! over TLS, where the server chooses the protocol; over HTTP/2 all requests share one connection, over HTTP/1.1 each
//! has one for itself and puts it back.
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

/// hyper-util's pools have no names; a box gives the client one, for the fields of a struct.
type Client = BoxCloneSyncService<Request<Body>, Response<UnsyncBoxBody<Bytes, hyper::Error>>, CallError>;

/// How many connections an attempt may find closed before it gives up.
const MAX_CLOSED: u32 = 16;

/// What fails before the request is given away is unsent; only this client knows when that is, and says so.
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
                    // It closed while it was idle, and is not put back. There may be more of them than a call has
                    // attempts.
                    Err(_) if closed < MAX_CLOSED => closed += 1,
                    Err(error) => return Err(CallError::unsent(ErrorKind::Transport, error)),
                }
            };
            let response = connection.call(request).await.map_err(CallError::from_source)?;
            // It goes back when the body has ended.
            Ok(response.map(|body| Guarded::new(body, Some(connection)).boxed_unsync()))
        }
    }))
}
