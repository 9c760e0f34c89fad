//! A short form of what tonic generates from a .proto file: the message, and the client over any service.

use bytes::Bytes;
use http::{Uri, uri::PathAndQuery};
use support::BoxError;
use tonic::{
    Request, Response, Status,
    body::Body,
    client::{Grpc, GrpcService},
};
use tonic_prost::ProstCodec;

pub(crate) const WRITE: &str = "/planner.Orders/Write";
pub(crate) const PLAN: &str = "/planner.Orders/Plan";

/// An order. The planner answers with the same message.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(crate) struct Order {
    #[prost(string, tag = "1")]
    pub(crate) business_id: String,
    #[prost(uint32, tag = "2")]
    pub(crate) stops: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct OrdersClient<S>(Grpc<S>);

impl<S> OrdersClient<S>
where
    S: GrpcService<Body, Error: Into<BoxError>>,
    S::ResponseBody: http_body::Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static,
{
    pub(crate) fn with_origin(service: S, origin: Uri) -> Self {
        Self(Grpc::with_origin(service, origin))
    }

    pub(crate) async fn write(&mut self, order: Order) -> Result<Response<Order>, Status> {
        self.call(PathAndQuery::from_static(WRITE), order).await
    }

    pub(crate) async fn plan(&mut self, order: Order) -> Result<Response<Order>, Status> {
        self.call(PathAndQuery::from_static(PLAN), order).await
    }

    async fn call(&mut self, method: PathAndQuery, order: Order) -> Result<Response<Order>, Status> {
        self.0.ready().await.map_err(|error| Status::from_error(error.into()))?;
        self.0.unary(Request::new(order), method, ProstCodec::default()).await
    }
}
