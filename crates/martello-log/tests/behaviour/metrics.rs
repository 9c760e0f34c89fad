//! What is measured, under which names.

use std::{collections::BTreeMap, future::pending, time::Duration};

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use martello_log::{LogBuilder, LogLayer, describe_metrics};
use martello_outcome::CallNotes;
use martello_testkit::ScriptedBody;
use metrics::Unit;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tower::{Layer, ServiceExt, service_fn};
use tracing::level_filters::LevelFilter;

use crate::support::{Recorder, answering, get, put, status};

/// Each measurement as `name{label=value,...}`, with its value or its values' sum.
fn measured(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let snapshot = snapshotter.snapshot().into_vec().into_iter();
    snapshot
        .map(|(key, _, _, value)| {
            let key = key.key();
            let labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => f64::from(u32::try_from(count).unwrap()),
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(values) => values.into_iter().map(f64::from).sum(),
            };
            (format!("{}{{{}}}", key.name(), labels.join(",")), value)
        })
        .collect()
}

fn log() -> LogBuilder {
    LogLayer::builder().metrics(true)
}

#[tokio::test(start_paused = true)]
async fn a_call_is_measured_where_no_event_is_on() {
    let _recorder = Recorder::at(LevelFilter::OFF);
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let inner = service_fn(async |request: Request<_>| {
        CallNotes::of(request.extensions()).unwrap().waited_for_permit(Duration::from_secs(2));
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok::<_, std::convert::Infallible>(status(503))
    });
    drop(log().build_calls().unwrap().layer(inner).oneshot(put("")).await.unwrap());

    let target = "http.request.method=PUT,server.address=api.example,server.port=443";
    let result = "http.response.status_code=503,error.type=503";
    let expected = [
        (format!("martello.client.call.duration{{{target},{result}}}"), 3.0),
        (format!("martello.client.call.permit_wait{{{target}}}"), 2.0),
    ];
    assert_eq!(measured(&snapshotter), expected.into());
}

#[tokio::test]
async fn a_layer_whose_levels_are_all_off_measures() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let (off, client) = (LevelFilter::OFF, answering(|| status(200)));
    let layer = log().success_level(off).failure_level(off).span(off).build_calls().unwrap();
    drop(layer.layer(client).oneshot(put("")).await.unwrap());
    assert_eq!(measured(&snapshotter).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_timed_and_seen_while_active() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let client = log().build_attempts().unwrap().layer(answering(|| status(200)));
    let response = client.oneshot(put("")).await.unwrap();
    let target = "http.request.method=PUT,server.address=api.example,server.port=443";
    let active = format!("http.client.active_requests{{{target}}}");
    assert_eq!(measured(&snapshotter), [(active.clone(), 1.0)].into());

    tokio::time::sleep(Duration::from_millis(500)).await;
    response.into_body().collect().await.unwrap();
    let expected = [
        // The recorder sets a gauge back to zero when it is looked at.
        (active, -1.0),
        (format!("http.client.request.duration{{{target},http.response.status_code=200}}"), 0.5),
        (format!("martello.client.attempts{{{target},outcome=success}}"), 1.0),
    ];
    assert_eq!(measured(&snapshotter), expected.into());
}

#[tokio::test]
async fn a_cancelled_attempt_is_no_longer_active() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let inner =
        service_fn(async |_: Request<_>| pending::<Result<Response<ScriptedBody>, std::io::Error>>().await);
    let mut call = tokio_test::task::spawn(log().build_attempts().unwrap().layer(inner).oneshot(put("")));
    assert!(call.poll().is_pending());
    drop(call);
    let measured = measured(&snapshotter);
    let value = |name: &str| measured.iter().find(|(key, _)| key.starts_with(name)).map(|(_, value)| *value);
    assert_eq!(value("http.client.active_requests"), Some(0.0));
    let cancelled = measured.keys().filter(|key| key.contains("outcome=cancelled")).count();
    assert_eq!(cancelled, 1, "{measured:?}");
}

#[tokio::test]
async fn a_body_that_breaks_is_no_success() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let client = answering(|| Response::new(ScriptedBody::new().error("the line went dead")));
    let response = log().build_attempts().unwrap().layer(client).oneshot(put("")).await.unwrap();
    response.into_body().collect().await.unwrap_err();
    let measured = measured(&snapshotter);
    let find = |end: &str| measured.keys().filter(|key| key.ends_with(end)).count();
    assert_eq!(find("outcome=ambiguous}"), 1, "{measured:?}");
    assert_eq!(find("http.response.status_code=200,error.type=body}"), 1, "{measured:?}");
}

#[tokio::test]
async fn the_name_of_no_label_is_the_beginning_of_another() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    for layer in [log().build_calls().unwrap(), log().build_attempts().unwrap()] {
        drop(layer.layer(answering(|| status(503))).oneshot(put("")).await.unwrap());
    }
    for (key, _, _, _) in snapshotter.snapshot().into_vec() {
        let names: Vec<_> = key.key().labels().map(|label| label.key().to_owned()).collect();
        assert!(!names.is_empty());
        for name in &names {
            let within = format!("{name}.");
            assert!(!names.iter().any(|other| other.starts_with(&within)), "{name} in {names:?}");
        }
    }
}

/// RFC 9110 §9.3 and RFC 5789. A method is case-sensitive (RFC 9110 §9.1).
#[tokio::test]
async fn each_method_of_http_has_a_label_and_all_others_share_one() {
    let of_http = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    let labels = of_http.map(|method| (method, method));
    for (method, label) in labels.into_iter().chain([("PURGE", "_OTHER"), ("get", "_OTHER")]) {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let _installed = metrics::set_default_local_recorder(&recorder);
        for layer in [log().build_calls().unwrap(), log().build_attempts().unwrap()] {
            let mut request = put("");
            *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
            drop(layer.layer(answering(|| status(200))).oneshot(request).await.unwrap());
        }
        let (measured, label) = (measured(&snapshotter), format!("{{http.request.method={label},"));
        assert_eq!(measured.len(), 5, "{method}: {measured:?}");
        assert!(measured.keys().all(|key| key.contains(&label)), "{method}: {measured:?}");
    }
}

#[tokio::test]
async fn an_empty_port_is_no_part_of_the_label_of_the_server() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let layer = log().build_attempts().unwrap();
    for uri in ["https://api.example/", "https://api.example:/", "https://api.example:443/"] {
        drop(layer.layer(answering(|| status(200))).oneshot(get(uri)).await.unwrap());
    }
    let target = "http.request.method=GET,server.address=api.example,server.port=443";
    let attempts = format!("martello.client.attempts{{{target},outcome=success}}");
    assert_eq!(measured(&snapshotter).get(&attempts), Some(&3.0));
}

#[tokio::test]
async fn nothing_is_measured_unless_asked_for() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    for layer in [LogLayer::calls(), LogLayer::attempts(), LogLayer::off()] {
        drop(layer.layer(answering(|| status(200))).oneshot(put("")).await.unwrap());
    }
    assert!(measured(&snapshotter).is_empty());
}

#[tokio::test]
async fn everything_is_described_with_its_unit() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    describe_metrics();
    for layer in [log().build_calls().unwrap(), log().build_attempts().unwrap()] {
        drop(layer.layer(answering(|| status(200))).oneshot(put("")).await.unwrap());
    }
    let snapshot = snapshotter.snapshot().into_vec().into_iter();
    let units: BTreeMap<_, _> =
        snapshot.map(|(key, unit, _, _)| (key.key().name().to_owned(), unit)).collect();
    let expected = [
        ("http.client.active_requests", Unit::Count),
        ("http.client.request.duration", Unit::Seconds),
        ("martello.client.attempts", Unit::Count),
        ("martello.client.call.duration", Unit::Seconds),
        ("martello.client.call.permit_wait", Unit::Seconds),
    ];
    assert_eq!(units, expected.map(|(name, unit)| (name.to_owned(), Some(unit))).into());
}
