//! Bodies that stream are recorded within their bounds, and what cannot be stored is said.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Frame;
use martello_body::Body;
use martello_outbox::{MemoryStore, NotStored, NotStoredKind, Outbox, OutboxBuilder, Sent};
use martello_outcome::Outcome;
use martello_testkit::ScriptedBody;
use tower::ServiceExt;

use crate::support::{Api, broken, deferred, detail, service, stored};

fn outbox(set: impl FnOnce(OutboxBuilder) -> OutboxBuilder) -> Outbox {
    set(Outbox::builder(MemoryStore::new())).build().unwrap()
}

fn put(body: Body) -> Request<Body> {
    Request::put("https://api.example/orders/1").body(body).unwrap()
}

async fn send(outbox: &Outbox, api: &Api, body: Body) -> Result<Sent<Body>, NotStored> {
    service(outbox, api).oneshot(put(body)).await
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_not_read_to_its_end_is_stored_whole() {
    let outbox = outbox(|outbox| outbox);
    let body = Body::new(ScriptedBody::new().data("first, ").pending().data("second"));
    let api = Api::statuses([503]).without_reading();
    let id = deferred(send(&outbox, &api, body).await.unwrap());
    assert_eq!(detail(&outbox, id).await.revisions[0].request.body, "first, second");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_sent_more_than_once_is_stored_all_the_same() {
    use tower::Layer;
    let outbox = outbox(|outbox| outbox);
    let api = Api::statuses([503, 503, 503]);
    let retry = martello_retry::RetryLayer::builder().attempts(3).build().unwrap();
    let service = martello_outbox::OutboxLayer::new(outbox.clone()).layer(retry.layer(api.service()));
    let body = Body::new(ScriptedBody::new().data("all ").data("of it"));
    let id = deferred(service.oneshot(put(body)).await.unwrap());
    assert_eq!(api.seen().len(), 3);
    assert_eq!(detail(&outbox, id).await.revisions[0].request.body, "all of it");
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_cap_is_sent_and_its_outcome_comes_back_with_the_reason() {
    let outbox = outbox(|outbox| outbox.max_body(8));
    for body in [
        Body::from("nine byte"),
        Body::new(ScriptedBody::new().data("nine").data(" byte")),
        Body::new(ScriptedBody::new().claim_size(http_body::SizeHint::with_exact(9)).data("nine byte")),
    ] {
        let api = Api::statuses([503]);
        let error = send(&outbox, &api, body).await.unwrap_err();
        assert_eq!(api.seen()[0].body.as_deref(), Some("nine byte"));
        assert_eq!((error.outcome(), error.last_status().unwrap().as_u16()), (Outcome::Unavailable, 503));
        assert!(matches!(error.kind(), NotStoredKind::BodyTooLarge | NotStoredKind::Body), "{error}");
        assert!(error.to_string().contains("max_body") && error.to_string().contains("503"), "{error}");
    }
    let error = send(&outbox, &Api::answering([broken()]), Body::from("nine byte")).await.unwrap_err();
    assert_eq!(error.call().unwrap().outcome(), Outcome::Ambiguous);
    assert_eq!(error.attempts().len(), 0, "no retry layer has written any down");
    assert_eq!(stored(&outbox).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_or_stands_still_cannot_be_stored() {
    let outbox = outbox(|outbox| outbox.record_within(Duration::from_secs(3)));
    let start = tokio::time::Instant::now();
    let api = || Api::statuses([503]).without_reading();
    let error = send(&outbox, &api(), Body::new(ScriptedBody::new().data("a").wait())).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed().as_secs()), (NotStoredKind::Body, 3));

    let failing = Body::new(ScriptedBody::new().data("a").error("the disk is gone"));
    let error = send(&outbox, &api(), failing).await.unwrap_err();
    assert_eq!(error.kind(), NotStoredKind::Body);
    assert_eq!(error.last_status().unwrap(), 503);

    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    let trailing = Body::new(ScriptedBody::new().data("a").trailers(trailers));
    assert_eq!(send(&outbox, &api(), trailing).await.unwrap_err().kind(), NotStoredKind::Request);
    assert_eq!(stored(&outbox).await, []);
}

/// A body of which there is no second one.
struct Once(Option<Bytes>);

impl martello_body::TryCopy for Once {
    fn try_copy(&self, _cap: usize) -> Option<Self> {
        None
    }
}

impl http_body::Body for Once {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_had_twice_is_sent_and_not_stored() {
    use tower::Layer;
    let outbox = outbox(|outbox| outbox);
    let service = tower::service_fn(|_: Request<Once>| async { crate::support::status(503) });
    let service = martello_outbox::OutboxLayer::new(outbox.clone()).layer(service);
    let request = Request::put("https://api.example/1").body(Once(Some("x".into()))).unwrap();
    let error = service.oneshot(request).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (NotStoredKind::Body, Outcome::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn a_target_without_a_host_cannot_be_stored() {
    let outbox = outbox(|outbox| outbox);
    let request = Request::put("/orders/1").body(Body::from("{}")).unwrap();
    let error = outbox.enqueue(request).await.unwrap_err();
    assert_eq!(error.kind(), NotStoredKind::Request);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("host"), "{error:?}");
}
