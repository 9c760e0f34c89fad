//! The API that the examples call: a route planner behind a load balancer. The first request for each order
//! gets a 503, because no server is available. A request for a plan never gets a response.

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
    /// Starts the planner without TLS. It supports HTTP/1.1, and HTTP/2 with prior knowledge.
    ///
    /// # Errors
    ///
    /// When the server cannot be started.
    pub async fn start() -> Result<Self, BoxError> {
        Self::over("http", None).await
    }

    /// Starts the planner with TLS.
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

    /// The URI of a resource.
    ///
    /// # Errors
    ///
    /// When the path is invalid.
    pub fn uri(&self, path: &str) -> Result<Uri, BoxError> {
        Ok(format!("{}://{}{path}", self.scheme, self.server.address()).parse()?)
    }

    /// The Trackingid of each request for this path.
    pub(crate) fn tracking_ids(&self, path: &str) -> Vec<String> {
        self.log.of(path)
    }
}

/// The Trackingid of each request, by path.
#[derive(Debug, Default)]
struct RequestLog(Mutex<BTreeMap<String, Vec<String>>>);

impl RequestLog {
    fn of(&self, path: &str) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned().unwrap_or_default()
    }

    /// Records a request, and returns its number for this path and its Trackingid.
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
        Err(_) => (StatusCode::BAD_REQUEST, Bytes::from("the body is incomplete")),
    };
    let response = Response::builder().status(status).header("trackingid", id).body(Full::new(body));
    response.unwrap_or_default()
}
