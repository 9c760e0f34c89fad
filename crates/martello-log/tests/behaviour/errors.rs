//! Calls that end in an error.

use std::{error::Error, future::ready, io, time::SystemTime};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use martello_log::LogLayer;
use martello_outcome::{Attempt, Attempts, BoxError, CallError, ErrorKind, Outcome};
use martello_testkit::ScriptedBody;
use tower::{Layer, ServiceExt, service_fn};
use tracing::Level;

use crate::support::{Recorder, get, put};

type Answer<E> = Result<Response<ScriptedBody>, E>;

#[tokio::test]
async fn the_clients_error_becomes_a_call_error_with_its_cause() {
    let recorder = Recorder::new();
    let client =
        service_fn(async |_: Request<_>| Answer::Err(io::Error::from(io::ErrorKind::ConnectionRefused)));
    let error = LogLayer::attempts().layer(client).oneshot(put("")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
    assert!(error.source().unwrap().is::<io::Error>());

    let event = recorder.event();
    assert_eq!((event.level, event.get("outcome")), (Level::INFO, Some("unsent")));
    assert_eq!(event.get("error.type"), Some("transport"));
    assert_eq!(event.get("exception.message"), Some("\"the request could not be sent: connection refused\""));
    assert_eq!(event.get("body_end"), None);
}

#[tokio::test]
async fn a_call_error_stays_as_it_is_and_its_attempts_are_read() {
    let recorder = Recorder::new();
    let inner = service_fn(async |_: Request<_>| {
        let attempts = [(1, "first"), (2, "second")].map(|(number, id)| {
            let mut attempt = Attempt::new(number, SystemTime::UNIX_EPOCH, Outcome::Unavailable);
            attempt.status = Some(StatusCode::SERVICE_UNAVAILABLE);
            attempt.tracking_id = id.parse().ok();
            attempt
        });
        let error = CallError::new(ErrorKind::Deadline, Outcome::Unavailable, "no time left");
        Answer::Err(error.with_attempts(Attempts::from(attempts.to_vec())))
    });
    let error = LogLayer::calls().layer(inner).oneshot(put("")).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Deadline, 2));
    assert!(error.source().is_none());

    let event = recorder.event();
    assert_eq!((event.level, event.get("outcome")), (Level::WARN, Some("unavailable")));
    assert_eq!(event.get("error.type"), Some("deadline"));
    assert_eq!(event.get("attempts"), Some("2"));
    assert_eq!(event.get("tracking_id"), Some("second"));
    assert_eq!(event.get("earlier_tracking_ids"), Some("first"));
}

#[tokio::test]
async fn errors_of_layers_that_are_off_or_without_a_subscriber_are_converted_too() {
    let _recorder = Recorder::at(tracing::level_filters::LevelFilter::OFF);
    for layer in [LogLayer::calls(), LogLayer::off()] {
        let client = service_fn(async |_: Request<_>| Answer::Err(BoxError::from("a bug")));
        let error: CallError = layer.layer(client).oneshot(put("")).await.unwrap_err();
        assert_eq!(error.outcome(), Outcome::Ambiguous);
    }
}

/// The text of reqwest.
const SENDING: &str =
    "error sending request for url (https://me:hunter2@api.example/a?key=secret&limit=5000&x=y&secret-too)";

async fn error_of(answer: impl Fn() -> Answer<BoxError> + Clone) -> String {
    let recorder = Recorder::new();
    let log = LogLayer::builder().show_query(["limit"]).build_calls().unwrap();
    let client = service_fn(move |_: Request<_>| ready(answer()));
    let uri = "https://me:hunter2@api.example/a?key=secret&limit=5000&x=y&secret-too";
    if let Ok(response) = log.layer(client).oneshot(get(uri)).await {
        response.into_body().collect().await.unwrap_err();
    }
    recorder.event().get("exception.message").unwrap().to_owned()
}

#[tokio::test]
async fn what_is_secret_in_the_requests_url_is_masked_in_an_error_too() {
    let text = error_of(|| Err(SENDING.into())).await;
    assert!(text.ends_with(r#": error sending request for url (https://***@api.example/a?***)""#), "{text}");
    let text = error_of(|| Ok(Response::new(ScriptedBody::new().error(SENDING)))).await;
    assert!(text.ends_with(r#": error sending request for url (https://***@api.example/a?***)""#), "{text}");
}

#[tokio::test]
async fn values_are_masked_wherever_an_error_puts_them() {
    let text = error_of(|| Err("no secret-too for me with hunter2: /a?limit=5000&key=secret".into())).await;
    assert!(text.ends_with(r#": no *** for me with ***: /a?limit=5000&key=***""#), "{text}");
}

#[tokio::test]
async fn a_secret_is_masked_before_the_text_is_cut() {
    let text = error_of(|| Err(format!("{}hunter2", "x".repeat(430)).into())).await;
    assert!(!text.contains("hun"), "{text}");
}

#[tokio::test]
async fn a_long_chain_of_causes_is_cut() {
    let recorder = Recorder::new();
    let client = service_fn(async |_: Request<_>| Answer::Err(BoxError::from("x".repeat(10_000))));
    LogLayer::calls().layer(client).oneshot(put("")).await.unwrap_err();
    assert!(recorder.event().get("exception.message").unwrap().len() < 520);
}

#[derive(Debug)]
struct Circular;

impl std::fmt::Display for Circular {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

impl Error for Circular {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&Circular)
    }
}

#[tokio::test]
async fn causes_that_go_in_circles_end() {
    let recorder = Recorder::new();
    let client = service_fn(async |_: Request<_>| Answer::Err(Circular));
    LogLayer::calls().layer(client).oneshot(put("")).await.unwrap_err();
    assert!(recorder.event().get("exception.message").unwrap().len() < 200);
}

#[tokio::test]
async fn what_is_secret_in_another_url_is_masked_too() {
    let text =
        error_of(|| Err("redirected to https://you:other@b.example/?key=another&limit=5000".into())).await;
    assert!(text.ends_with(r#": redirected to https://***@b.example/?key=***&limit=5000""#), "{text}");
}
