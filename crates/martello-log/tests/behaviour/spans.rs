//! The span of a call.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use martello_log::LogLayer;
use martello_testkit::ScriptedBody;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Span, info, info_span, level_filters::LevelFilter};

use crate::support::{Recorder, Written, answering, get, put, status};

#[tokio::test]
async fn the_span_has_the_fields_for_exporters_at_its_end() {
    let recorder = Recorder::new();
    let client = LogLayer::calls().layer(answering(|| status(503)));
    drop(client.oneshot(get("https://api.example:8443/orders?key=secret")).await.unwrap());
    let spans = recorder.spans();
    assert_eq!(spans.len(), 1);
    let expected = [
        ("otel.kind", "client"),
        ("otel.name", "GET"),
        ("otel.status_code", "ERROR"),
        ("http.request.method", "GET"),
        ("url.full", "https://api.example:8443/orders?key=***"),
        ("server.address", "api.example"),
        ("server.port", "8443"),
        ("http.response.status_code", "503"),
        ("error.type", "503"),
    ];
    assert_eq!(spans[0].fields, expected.map(|(name, value)| (name, value.to_owned())).into());
    assert_eq!(recorder.event().get("server.port"), Some("8443"));
}

#[tokio::test]
async fn the_port_of_a_span_is_that_of_the_scheme_unless_it_is_explicit() {
    for (uri, port) in
        [("https://api.example/", Some("443")), ("http://api.example/", Some("80")), ("/orders", None)]
    {
        let recorder = Recorder::new();
        drop(LogLayer::calls().layer(answering(|| status(200))).oneshot(get(uri)).await.unwrap());
        let span = &recorder.spans()[0];
        assert_eq!((span.get("server.port"), span.get("otel.status_code")), (port, None));
    }
}

#[tokio::test]
async fn an_empty_port_is_no_part_of_the_host() {
    for (uri, host, explicit, port) in [
        ("http://api.example:/x", "api.example", None, "80"),
        ("https://me@api.example:/x", "api.example", None, "443"),
        ("https://api2:/x", "api2", None, "443"),
        ("https://api2:8/x", "api2", Some("8"), "8"),
        ("https://api2/x", "api2", None, "443"),
        ("http://[::1]:/x", "[::1]", None, "80"),
        ("http://[::1]:8080/x", "[::1]", Some("8080"), "8080"),
        ("http://[::1]/x", "[::1]", None, "80"),
    ] {
        let recorder = Recorder::new();
        drop(LogLayer::calls().layer(answering(|| status(200))).oneshot(get(uri)).await.unwrap());
        let (event, spans) = (recorder.event(), recorder.spans());
        let of = |written: &Written| {
            ["server.address", "server.port"].map(|field| written.get(field).map(str::to_owned))
        };
        assert_eq!(of(&event), [Some(host), explicit].map(|value| value.map(str::to_owned)), "{uri}");
        assert_eq!(of(&spans[0]), [host, port].map(|value| Some(value.to_owned())), "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn everything_of_a_call_lies_in_its_span_and_nothing_else_does() {
    let recorder = Recorder::new();
    let client = service_fn(async |_: Request<_>| {
        info!(target: "martello::test", "before");
        tokio::time::sleep(Duration::from_secs(1)).await;
        info!(target: "martello::test", "after");
        let body = ScriptedBody::new().data("some").pending().data("more");
        Ok::<_, std::convert::Infallible>(Response::new(body))
    });
    let client = LogLayer::calls().layer(LogLayer::attempts().layer(client));

    let mut call = tokio_test::task::spawn(client.oneshot(put("")));
    assert!(call.poll().is_pending());
    assert!(Span::current().is_disabled(), "no span is entered across an await");
    let response = call.await.unwrap();
    assert!(Span::current().is_disabled());
    response.into_body().collect().await.unwrap();
    assert!(Span::current().is_disabled());

    let events = recorder.events();
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|event| event.spans == ["call"]), "{events:#?}");
    assert_eq!(events[2].target, "martello::attempt");
    assert_eq!(events[3].target, "martello::call");
}

#[tokio::test]
async fn a_call_lies_in_the_span_in_which_it_was_made_wherever_it_ends() {
    let recorder = Recorder::new();
    let client = LogLayer::calls().layer(LogLayer::attempts().layer(answering(|| status(200))));
    let outer = info_span!(target: "martello::test", "outer");
    let call = outer.in_scope(|| client.oneshot(put("")));
    let mut call = tokio_test::task::spawn(call);
    let response = match outer.in_scope(|| call.poll()) {
        std::task::Poll::Ready(response) => response.unwrap(),
        std::task::Poll::Pending => panic!("the client answers at once"),
    };
    drop(response);
    let events = recorder.events();
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.spans == ["outer", "call"]), "{events:#?}");
}

#[tokio::test]
async fn an_attempt_has_no_span() {
    let recorder = Recorder::new();
    drop(LogLayer::attempts().layer(answering(|| status(200))).oneshot(put("")).await.unwrap());
    assert!(recorder.spans().is_empty());
    assert!(recorder.event().spans.is_empty());
}

#[tokio::test]
async fn a_span_needs_no_event() {
    let recorder = Recorder::new();
    let log = LogLayer::builder()
        .success_level(LevelFilter::OFF)
        .failure_level(LevelFilter::OFF)
        .build_calls()
        .unwrap();
    drop(log.layer(answering(|| status(200))).oneshot(put("")).await.unwrap());
    let spans = recorder.spans();
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].get("http.response.status_code"), Some("200"));
    assert!(recorder.events().is_empty());
}
