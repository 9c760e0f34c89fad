//! Every way in which an attempt can end. The event, the metric, and the error or response of the call use
//! the same word for the outcome.

mod cases;
mod wire;

use std::{collections::BTreeMap, time::Duration};

use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt;
use martello::{Attempts, Body, CallError, ConcurrencyLimitLayer, Outcome, ResponseBody, Stack};
use martello_testkit::ScriptedBody;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tower::{Layer, ServiceExt, service_fn};

use self::cases::{Caller, Case, Client, all};
use crate::support::{Fields, Written};

/// What the caller learns about the attempts.
struct CallerView {
    outcomes: Vec<Outcome>,
    faults: Vec<Option<Box<str>>>,
    error: Option<CallError>,
}

impl CallerView {
    fn of(attempts: &Attempts, error: Option<CallError>) -> Self {
        let outcomes = attempts.iter().map(|attempt| attempt.outcome).collect();
        let faults = attempts.iter().map(|attempt| attempt.fault.clone()).collect();
        Self { outcomes, faults, error }
    }

    async fn by(answer: Result<Response<ResponseBody<ScriptedBody>>, CallError>) -> Self {
        let response = match answer {
            Ok(response) => response,
            Err(error) => return Self::of(&error.attempts().clone(), Some(error)),
        };
        // A first attempt that succeeds records no history.
        let mut view = match Attempts::of(&response) {
            Some(attempts) => Self::of(attempts, None),
            None => Self { outcomes: vec![Outcome::Success], faults: vec![None], error: None },
        };
        let declared = response.body().size_hint().lower();
        let read = response.into_body().collect().await.map(|body| body.to_bytes().len());
        match read {
            Ok(length) if u64::try_from(length).unwrap() >= declared => {}
            // The body is too short. Only the reader can notice that; there is no error.
            Ok(_) => *view.outcomes.last_mut().unwrap() = Outcome::Ambiguous,
            Err(error) => {
                *view.outcomes.last_mut().unwrap() = error.outcome();
                view.error = Some(error);
            }
        }
        view
    }
}

/// For each metric, how often each value of the label was counted.
fn counted(snapshotter: &Snapshotter, measures: [(&str, &str); 2]) -> [BTreeMap<String, usize>; 2] {
    // A snapshot resets the metrics.
    let snapshot = snapshotter.snapshot().into_vec();
    measures.map(|(metric, label)| {
        let mut counts = BTreeMap::new();
        for (key, _, _, value) in snapshot.iter().filter(|(key, ..)| key.key().name() == metric) {
            let of = key.key().labels().find(|of| of.key() == label).map_or("", |of| of.value());
            *counts.entry(of.to_owned()).or_default() += match value {
                DebugValue::Counter(count) => usize::try_from(*count).unwrap(),
                DebugValue::Histogram(values) => values.len(),
                DebugValue::Gauge(_) => 0,
            };
        }
        counts
    })
}

fn counts<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    words.fold(BTreeMap::new(), |mut counts, word| {
        *counts.entry(word.to_owned()).or_default() += 1;
        counts
    })
}

fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

fn request() -> Request<Body> {
    Request::put("https://api.example/orders/1").body(Body::empty()).unwrap()
}

/// Makes the call, and returns what the caller learns.
async fn call(case: &Case) -> Option<CallerView> {
    let limit =
        ConcurrencyLimitLayer::builder().permits(1).max_wait(Duration::from_secs(10)).build().unwrap();
    let stack = Stack::new().limit(limit).log(|log| log.metrics(true));
    let layer = (case.stack)(stack).build().unwrap();
    let client = case.client;
    let service = layer.clone().layer(service_fn(move |_: Request<Body>| client.answer()));
    match case.caller {
        Caller::Reads => Some(CallerView::by(service.oneshot(request()).await).await),
        Caller::DropsTheBody => {
            drop(service.oneshot(request()).await.unwrap());
            None
        }
        Caller::DropsTheCall => {
            assert!(tokio::time::timeout(Duration::from_secs(1), service.oneshot(request())).await.is_err());
            None
        }
        Caller::FindsNoPermit => {
            let keeper = service_fn(|_: Request<Body>| Client::STALLS.answer());
            let keeper =
                Stack::new().limit(layer.limit().clone()).without_log().build().unwrap().layer(keeper);
            let kept = keeper.oneshot(request()).await.unwrap();
            let view = CallerView::by(service.oneshot(request()).await).await;
            drop(kept);
            Some(view)
        }
    }
}

#[tokio::test(start_paused = true)]
async fn event_metric_and_history_use_the_same_word() {
    for case in all() {
        let (written, _guard) = Written::listen();
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        let _installed = metrics::set_default_local_recorder(&recorder);
        let view = call(&case).await;

        let events = written.of("martello::attempt");
        let of = |name: &'static str| events.iter().map(move |event| field(event, name));
        let recorded: Vec<_> = of("outcome").zip(of("error.type")).zip(of("body_end")).collect();
        let expected: Vec<_> =
            case.expected.iter().map(|[outcome, kind, end, _]| ((*outcome, *kind), *end)).collect();
        assert_eq!(recorded, expected, "{case:?}");
        for (text, [_, _, _, expected]) in of("exception.message").zip(&case.expected) {
            assert!(text.contains(expected) && text.is_empty() == expected.is_empty(), "{case:?}: {text}");
        }

        let [outcomes, kinds] = counted(
            &snapshotter,
            [("martello.client.attempts", "outcome"), ("http.client.request.duration", "error.type")],
        );
        assert_eq!((outcomes, kinds), (counts(of("outcome")), counts(of("error.type"))), "{case:?}");

        let calls = written.of("martello::call");
        assert_eq!(calls.len(), 1, "{case:?}");
        let Some(view) = view else { continue };
        let outcomes: Vec<_> = view.outcomes.iter().map(|outcome| outcome.as_str()).collect();
        assert_eq!(outcomes, of("outcome").collect::<Vec<_>>(), "{case:?}");
        for (fault, [_, _, _, expected]) in view.faults.iter().zip(&case.expected) {
            assert!(fault.as_deref().is_none_or(|fault| fault.contains(expected)), "{case:?}: {fault:?}");
        }
        let (last, kind) = match &view.error {
            Some(error) => (error.outcome(), error.kind().as_str()),
            None => (*view.outcomes.last().unwrap(), field(&calls[0], "error.type")),
        };
        assert_eq!(field(&calls[0], "outcome"), last.as_str(), "{case:?}");
        assert_eq!(field(&calls[0], "error.type"), kind, "{case:?}");
    }
}
