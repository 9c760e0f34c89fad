//! The API that the examples call: a route planner behind a load balancer that has no server at hand when an order is
//! written for the first time, and whose plans take longer than anybody waits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tokio_rustls::TlsAcceptor;

use crate::{BoxError, Protocols, Server, Tls};

/// The route planner.
#[derive(Debug)]
pub struct Planner {
    server: Server,
    scheme: &'static str,
    log: Arc<RequestLog>,
}

impl Planner {
    /// Over HTTP/1.1 and, for those who know that it speaks it, HTTP/2.
    ///
    /// # Errors
    ///
    /// When the server cannot be started.
    pub async fn start() -> Result<Self, BoxError> {
        Self::over("http", None).await
    }

    /// Over TLS.
    ///
    /// # Errors
    ///
    /// When the server cannot be started.
    pub async fn start_with(tls: &Tls, protocols: Protocols) -> Result<Self, BoxError> {
        Self::over("https", Some(tls.acceptor(protocols)?)).await
    }

    async fn over(scheme: &'static str, tls: Option<TlsAcceptor>) -> Result<Self, BoxError> {
        let log = Arc::<RequestLog>::default();
        let server_log = Arc::clone(&log);
        let server = Server::start(tls, move |request| answer(request, Arc::clone(&server_log))).await?;
        Ok(Self { server, scheme, log })
    }

    /// The address of one of its resources.
    ///
    /// # Errors
    ///
    /// When the path is none.
    pub fn uri(&self, path: &str) -> Result<Uri, BoxError> {
        Ok(format!("{}://{}{path}", self.scheme, self.server.address()).parse()?)
    }

    /// The Trackingid of each request that came for this path.
    pub(crate) fn tracking_ids(&self, path: &str) -> Vec<String> {
        self.log.of(path)
    }
}

/// By path: the Trackingid of each request that came.
#[derive(Debug, Default)]
struct RequestLog(Mutex<BTreeMap<String, Vec<String>>>);

impl RequestLog {
    fn of(&self, path: &str) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned().unwrap_or_default()
    }

    /// Takes one more request down, and says the how manieth it is, and its Trackingid.
    fn record(&self, path: &str) -> (usize, String) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_path = log.entry(path.to_owned()).or_default();
        let number = of_path.len() + 1;
        let id = format!("{}-{number}", path.trim_start_matches('/').replace('/', "-"));
        of_path.push(id.clone());
        (number, id)
    }
}

async fn answer(request: Request<Incoming>, log: Arc<RequestLog>) -> Response<Full<Bytes>> {
    let (number, id) = log.record(request.uri().path());
    if request.uri().path().starts_with("/plans") {
        std::future::pending::<()>().await;
    }
    let (status, body) = match request.into_body().collect().await {
        Ok(_) if number == 1 => (StatusCode::SERVICE_UNAVAILABLE, Bytes::from("no server is available")),
        Ok(order) => (StatusCode::CREATED, order.to_bytes()),
        Err(_) => (StatusCode::BAD_REQUEST, Bytes::from("the order broke off")),
    };
    let response = Response::builder().status(status).header("trackingid", id).body(Full::new(body));
    response.unwrap_or_default()
}
