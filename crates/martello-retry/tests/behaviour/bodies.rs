//! Retries of streaming request bodies.

use std::io;

use http::Request;
use http_body::SizeHint;
use http_body_util::BodyExt;
use martello_body::Body;
use martello_outcome::AttemptNumber;
use martello_retry::RetryLayer;
use martello_testkit::ScriptedBody;
use tower::{Layer, ServiceExt};

use crate::support::{Answer, Script};

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

fn put(body: ScriptedBody) -> Request<Body> {
    Request::put("http://api.example/orders/1").body(Body::new(body)).unwrap()
}

/// The body that arrived with each attempt; `None` if the body failed.
fn bodies(script: &Script) -> Vec<Option<String>> {
    script.seen(|seen| seen.body.as_ref().ok().map(|body| String::from_utf8(body.to_vec()).unwrap()))
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_recorded_and_sent_again() {
    let stream = ScriptedBody::new().data("").data("one ").pending().data("two").end();
    let script = Script::statuses([503, 503, 503, 200]);
    let response = RetryLayer::default().layer(script.clone()).oneshot(put(stream)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(bodies(&script), vec![Some("one two".to_owned()); 4]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_over_the_cap_is_sent_whole_but_once() {
    let stream = ScriptedBody::new().data("12345").data("6").end();
    let script = Script::statuses([503, 200]);
    let layer = RetryLayer::builder().replay_cap(5).build().unwrap();
    let response = layer.layer(script.clone()).oneshot(put(stream)).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(bodies(&script), [Some("123456".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_failed_is_not_retried() {
    let stream = ScriptedBody::new().data("half").error("the source broke");
    let script = Script::statuses([503, 200]);
    let response = RetryLayer::default().layer(script.clone()).oneshot(put(stream)).await.unwrap();
    assert_eq!((response.status().as_u16(), bodies(&script)), (503, vec![None]));
}

#[tokio::test(start_paused = true)]
async fn a_foreign_body_is_copied_by_the_users_function() {
    let layer = RetryLayer::default().copy_with(|body: &String| (!body.is_empty()).then(|| body.clone()));
    for (body, attempts) in [("again", 4), ("", 1)] {
        let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let seen = count.clone();
        let inner = tower::service_fn(move |request: Request<String>| {
            assert_eq!(request.body(), body);
            seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async { Err::<http::Response<String>, _>(io::Error::from(io::ErrorKind::ConnectionReset)) }
        });
        let request = Request::put("http://api.example/").body(body.to_owned()).unwrap();
        layer.layer(inner).oneshot(request).await.unwrap_err();
        assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), attempts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_responses_body_is_drained_within_bounds() {
    for (body, drained) in [
        (
            ScriptedBody::new().data(vec![0; 600_000]).data(vec![0; 400_000]).end().claim_end_stream(false),
            true,
        ),
        (
            ScriptedBody::new()
                .data(vec![0; 600_000])
                .data(vec![0; 600_000])
                .wait()
                .claim_size(SizeHint::new()),
            false,
        ),
        (ScriptedBody::new().data("x").wait(), false),
        (ScriptedBody::new().data("x").error("reset"), true),
        (ScriptedBody::new().wait().claim_size(SizeHint::with_exact(2 << 20)), false),
    ] {
        let handle = body.handle();
        let script = Script::new([Answer::body(503, body)]);
        let start = tokio::time::Instant::now();
        let layer = RetryLayer::builder()
            .decide(|_| martello_retry::Decision::Retry { wait: std::time::Duration::ZERO });
        let response =
            layer.build().unwrap().layer(script).oneshot(put(ScriptedBody::new().end())).await.unwrap();
        assert_eq!((response.status().as_u16(), handle.ended(), handle.dropped()), (200, drained, true));
        assert!(start.elapsed() <= std::time::Duration::from_secs(1), "took {:?}", start.elapsed());
    }
}

/// The server responds early, and the connection would continue to read the body during the wait.
#[tokio::test(start_paused = true)]
async fn an_upload_does_not_outgrow_its_copy_during_the_wait() {
    let stream = ScriptedBody::new().data("12345").data("67890").end().claim_size(SizeHint::new());
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    let inner = tower::service_fn(move |request: Request<Body>| {
        let keep = keep.clone();
        async move {
            let first = AttemptNumber::of(request.extensions()) == 1;
            let mut body = request.into_body();
            if first {
                body.frame().await.unwrap().unwrap();
                keep.send(body).unwrap();
            } else {
                assert_eq!(body.collect().await.unwrap().to_bytes(), "1234567890");
            }
            let status = if first { 503 } else { 200 };
            Ok::<_, io::Error>(http::Response::builder().status(status).body(ScriptedBody::new()).unwrap())
        }
    });
    let layer = RetryLayer::builder().backoff(SECOND, SECOND).jitter(0.0).replay_cap(8).build().unwrap();
    let connection = async {
        let mut body = kept.recv().await.unwrap();
        tokio::time::sleep(SECOND / 2).await;
        body.frame().await.unwrap().unwrap_err();
    };
    let (response, ()) = tokio::join!(layer.layer(inner).oneshot(put(stream)), connection);
    assert_eq!(response.unwrap().status(), 200);
}
