//! The contract of `Service`, kept towards both sides.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_outbox::{MemoryStore, NotStored, Outbox, OutboxLayer, OutboxService, Sent};
use martello_outcome::BoxError;
use martello_testkit::{Reply, ScriptedBody, Server, contract};
use tower::{Layer, Service};

use crate::support::{post, put};

/// A layer whose service returns responses. A request that was stored is an error.
#[derive(Clone)]
struct Answering<T>(T);

fn layer() -> Answering<OutboxLayer> {
    Answering(OutboxLayer::new(Outbox::new(MemoryStore::new())))
}

impl<S> Layer<S> for Answering<OutboxLayer> {
    type Service = Answering<OutboxService<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        Answering(self.0.layer(inner))
    }
}

impl<S, R> Service<Request<Body>> for Answering<OutboxService<S>>
where
    OutboxService<S>: Service<Request<Body>, Response = Sent<R>, Error = NotStored>,
    <OutboxService<S> as Service<Request<Body>>>::Future: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let sent = self.0.call(request);
        Box::pin(async move { sent.await?.answered().ok_or_else(|| "it was stored".into()) })
    }
}

#[tokio::test(start_paused = true)]
async fn it_holds_without_an_order() {
    contract::check_layer(layer(), || post("/orders")).await.unwrap();
}

async fn answer(_: Request<Body>) -> Result<Response<ScriptedBody>, std::io::Error> {
    tokio::task::yield_now().await;
    Ok(Response::new(ScriptedBody::new().data("some").pending().data("more").end()))
}

#[tokio::test(start_paused = true)]
async fn it_holds_with_one_call_of_a_key_at_a_time() {
    contract::check_layer_over(layer(), tower::service_fn(answer), || put("/orders/1")).await.unwrap();
}

#[tokio::test]
async fn it_holds_over_hypers_client() {
    let server = Server::with(|_| Reply::ok().body("some")).await.unwrap();
    let uri = server.uri("/orders/1");
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = || Request::put(uri.clone()).body(Body::from("{}")).unwrap();
    contract::check_layer_over(layer(), client, request).await.unwrap();
}
