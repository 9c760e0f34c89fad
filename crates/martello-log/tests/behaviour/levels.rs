//! Which subscribers get events, and the cost without one.

use std::convert::Infallible;

use http::Request;
use http_body_util::BodyExt;
use martello_log::{LogBuilder, LogLayer};
use martello_outcome::{CallNotes, Classifier};
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Level, level_filters::LevelFilter};

use crate::support::{Recorder, answering, put, status};

async fn call(layer: LogLayer, code: u16) {
    let response = layer.layer(answering(move || status(code))).oneshot(put("")).await.unwrap();
    response.into_body().collect().await.unwrap();
}

#[tokio::test]
async fn every_outcome_but_success_is_failed() {
    for (code, level, outcome) in [
        (200, Level::TRACE, "success"),
        (302, Level::TRACE, "success"),
        (404, Level::ERROR, "rejected"),
        (429, Level::ERROR, "faulty"),
        (500, Level::ERROR, "faulty"),
        (503, Level::ERROR, "unavailable"),
    ] {
        let recorder = Recorder::new();
        let layer = LogLayer::builder().success_level(Level::TRACE).failure_level(Level::ERROR);
        call(layer.build_calls().unwrap(), code).await;
        let event = recorder.event();
        assert_eq!((event.level, event.get("outcome")), (level, Some(outcome)));
        let error_type = (code >= 400).then(|| code.to_string());
        assert_eq!(event.get("error.type"), error_type.as_deref());
    }
}

#[tokio::test]
async fn each_level_is_expanded() {
    for level in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
        for build in [LogBuilder::build_calls, LogBuilder::build_attempts] {
            let recorder = Recorder::new();
            call(build(LogLayer::builder().success_level(level).span(level)).unwrap(), 200).await;
            assert_eq!(recorder.event().level, level);
            assert!(recorder.spans().iter().all(|span| span.level == level));

            let quieter = Recorder::at(LevelFilter::OFF);
            call(build(LogLayer::builder().success_level(level).span(level)).unwrap(), 200).await;
            assert!(quieter.events().is_empty());
        }
    }
}

/// `filters` tests callsites that no subscriber can be interested in.
#[tokio::test]
async fn who_decides_for_each_event_counts_as_interested() {
    for (listens, written) in [(LevelFilter::ERROR, 0), (LevelFilter::WARN, 0), (LevelFilter::INFO, 1)] {
        let recorder = Recorder::at(listens);
        let inner = service_fn(move |request: Request<_>| {
            assert!(CallNotes::of(request.extensions()).is_some());
            std::future::ready(Ok::<_, Infallible>(status(200)))
        });
        drop(LogLayer::calls().layer(inner).oneshot(put("")).await.unwrap());
        assert_eq!(recorder.events().len(), written);
    }
}

#[tokio::test]
async fn events_can_be_switched_off_singly() {
    let recorder = Recorder::new();
    let layer =
        LogLayer::builder().success_level(LevelFilter::OFF).span(LevelFilter::OFF).build_calls().unwrap();
    call(layer.clone(), 200).await;
    assert!(recorder.events().is_empty());
    call(layer, 503).await;
    assert_eq!(recorder.event().level, Level::WARN);
    assert!(recorder.spans().is_empty());
}

#[tokio::test]
async fn the_classifier_decides_what_is_unavailable() {
    let recorder = Recorder::new();
    let classifier = Classifier::unavailable([500]).unwrap();
    call(LogLayer::builder().classifier(classifier).build_attempts().unwrap(), 500).await;
    assert_eq!(recorder.event().get("outcome"), Some("unavailable"));
}
