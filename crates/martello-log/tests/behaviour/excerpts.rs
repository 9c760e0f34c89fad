//! The first bytes of the response's body.

use std::{convert::Infallible, future::ready};

use bytes::Buf;
use http::{Request, Response};
use http_body_util::{BodyExt, Channel};
use martello_log::LogLayer;
use martello_outcome::BoxError;
use martello_testkit::ScriptedBody;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Recorder, answering, put};

async fn excerpt(
    bytes: usize,
    status: u16,
    kind: &'static str,
    coding: Option<&'static str>,
) -> Option<String> {
    let recorder = Recorder::new();
    let layer = LogLayer::builder().excerpt(bytes).build_calls().unwrap();
    let client = answering(move || {
        let mut response = Response::builder().status(status).header("content-type", kind);
        if let Some(coding) = coding {
            response = response.header("content-encoding", coding);
        }
        response.body(ScriptedBody::new().data("{\"a\":").data("\n1}")).unwrap()
    });
    let body = layer.layer(client).oneshot(put("")).await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "{\"a\":\n1}");
    recorder.event().get("excerpt").map(str::to_owned)
}

#[tokio::test]
async fn a_failed_response_shows_the_first_bytes_of_its_body() {
    let whole = Some(r#""{\"a\":\n1}""#.to_owned());
    assert_eq!(excerpt(4_096, 500, "application/problem+json; charset=utf-8", None).await, whole);
    assert_eq!(excerpt(4_096, 500, "Text/HTML", None).await, whole);
    assert_eq!(excerpt(7, 500, "text/plain", None).await, Some(r#""{\"a\":\n1""#.to_owned()));
}

#[tokio::test]
async fn no_excerpt_is_written_of_a_success_or_of_a_body_that_is_not_text_or_by_default() {
    assert_eq!(excerpt(0, 500, "application/json", None).await, None);
    assert_eq!(excerpt(100, 200, "application/json", None).await, None);
    assert_eq!(excerpt(100, 500, "application/octet-stream", None).await, None);
    assert_eq!(excerpt(100, 500, "application/json", Some("gzip")).await, None);
}

#[tokio::test]
async fn a_frame_in_pieces_is_shown_as_far_as_it_has_no_gap() {
    let recorder = Recorder::new();
    let layer = LogLayer::builder().excerpt(100).build_calls().unwrap();
    let (mut sender, body) = Channel::<_, Infallible>::new(2);
    for piece in ["one", "three"] {
        sender.send_data(piece.as_bytes().chain(&b"two"[..])).await.unwrap();
    }
    drop(sender);
    let mut answer =
        Some(Response::builder().status(500).header("content-type", "text/plain").body(body).unwrap());
    let client = service_fn(move |_: Request<_>| ready(answer.take().ok_or(BoxError::from("called twice"))));
    let body = layer.layer(client).oneshot(put("")).await.unwrap().into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "onetwothreetwo");
    assert_eq!(recorder.event().get("excerpt"), Some("\"one\""));
}
