//! The planner as a gRPC server. The first attempt to write an order gets a 503 from the proxy. The second
//! gets UNAVAILABLE from a server that is shutting down. The third succeeds. A request for a plan never gets
//! a response.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::{HeaderValue, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use support::{BoxError, Server};
use tonic::{Status, body::Body, server::Grpc};
use tonic_prost::ProstCodec;

use crate::orders::{Order, PLAN};

#[derive(Debug)]
pub(crate) struct Planner {
    server: Server,
}

impl Planner {
    /// The Trackingid of each attempt to write an order.
    pub(crate) const TRACKING_IDS: [&str; 3] = ["order-1", "order-2", "order-3"];

    pub(crate) async fn start() -> Result<Self, BoxError> {
        let written = Arc::new(AtomicUsize::new(0));
        let server = Server::start(None, move |request| answer(request, Arc::clone(&written))).await?;
        Ok(Self { server })
    }

    pub(crate) fn uri(&self, path: &str) -> Result<Uri, BoxError> {
        Ok(format!("http://{}{path}", self.server.address()).parse()?)
    }
}

async fn answer(request: Request<Incoming>, written: Arc<AtomicUsize>) -> Response<Body> {
    if request.uri().path() == PLAN {
        std::future::pending::<()>().await;
    }
    let number = written.fetch_add(1, Relaxed);
    let mut response = match number {
        0 => {
            let mut response = Response::new(Body::new("no server is available".to_owned()));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
        1 => Status::unavailable("this server is shutting down").into_http(),
        _ => {
            let write = tower::service_fn(async |order: tonic::Request<Order>| {
                Ok::<_, Status>(tonic::Response::new(order.into_inner()))
            });
            Grpc::new(ProstCodec::default()).unary(write, request).await
        }
    };
    if let Some(id) = Planner::TRACKING_IDS.get(number) {
        response.headers_mut().insert("trackingid", HeaderValue::from_static(id));
    }
    response
}
