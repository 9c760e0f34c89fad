//! Layers with filters of their own, beside each other: the log takes nothing from any of them. A binary of
//! its own, with one test at a time, because `tracing` remembers for the whole process who is interested in
//! what.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that panics has failed")]

mod callsites;
mod program;

use std::{
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::{Request, Response};
use http_body_util::Empty;
use martello_log::LogLayer;
use martello_outcome::CallNotes;
use program::{AnyFilter, FILTERS, Kept, Lines, SAYS, Say, expected, filter, program};
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::{filter::dynamic_filter_fn, layer::SubscriberExt, registry::Registry};

fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What reaches a layer that is alone.
fn alone(name: &str, log: &[LogLayer; 2], say: Say) -> Lines {
    let kept = Kept::default();
    let subscriber = Registry::default().with(kept.layer(filter(name)));
    tracing::subscriber::with_default(subscriber, || program(log, say, None));
    kept.take()
}

/// What reaches each layer of a pair.
fn beside(names: [&str; 2], log: &[LogLayer; 2], say: Say) -> [Lines; 2] {
    let kept = [Kept::default(), Kept::default()];
    let subscriber =
        Registry::default().with(kept[0].layer(filter(names[0]))).with(kept[1].layer(filter(names[1])));
    tracing::subscriber::with_default(subscriber, || program(log, say, None));
    kept.each_ref().map(Kept::take)
}

#[test]
fn no_pair_of_filters_loses_a_line_or_a_span() {
    let _one = one_at_a_time();
    let log = [LogLayer::calls(), LogLayer::attempts()];
    for &say in SAYS {
        let expected = FILTERS.map(|name| expected(name, |log| alone(name, log, say)));
        for (first, expected_first) in FILTERS.iter().zip(&expected) {
            assert_eq!(&alone(first, &log, say), expected_first, "{first:?}, alone");
            for (second, expected_second) in FILTERS.iter().zip(&expected) {
                let [got_first, got_second] = beside([first, second], &log, say);
                assert_eq!(&got_first, expected_first, "{first:?}, beside {second:?}");
                assert_eq!(&got_second, expected_second, "{second:?}, beside {first:?}");
            }
        }
    }
}

#[test]
fn a_filter_by_the_name_of_a_field_finds_the_records_that_have_it() {
    let _one = one_at_a_time();
    let log = [LogLayer::calls(), LogLayer::attempts()];
    for (name, attempts) in
        [("events with an outcome", false), ("by a function, events with an outcome", true)]
    {
        let ours = alone(name, &log, SAYS[0]).ours;
        for (record, expected) in [("martello::call INFO", true), ("martello::attempt DEBUG", attempts)] {
            let line = format!("{record} success in []");
            assert_eq!(ours.contains(&line), expected, "{name}: {line} in {ours:#?}");
        }
    }
}

#[test]
fn a_request_without_an_interested_subscriber_is_unchanged() {
    let _one = one_at_a_time();
    let none_of_ours = || -> AnyFilter<Registry> {
        Box::new(dynamic_filter_fn(|metadata, _| !metadata.target().starts_with("martello")))
    };
    for (name, noted) in [
        ("off", false),
        ("error", false),
        ("info, martello off", false),
        ("by a function, events with a field that none has", false),
        ("info", true),
        ("martello alone", true),
        ("events with an outcome", true),
        ("by a function, events with an outcome", true),
        // It decides for each event, so its interest is not known before.
        ("none of ours", true),
    ] {
        let inner = service_fn(move |request: Request<Empty<&'static [u8]>>| {
            assert_eq!(CallNotes::of(request.extensions()).is_some(), noted, "{name}");
            std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<&'static [u8]>::new())))
        });
        let filter = if name == "none of ours" { none_of_ours() } else { filter(name) };
        let subscriber = Registry::default().with(Kept::default().layer(filter));
        tracing::subscriber::with_default(subscriber, || {
            let call = LogLayer::calls().layer(inner).oneshot(Request::new(Empty::new()));
            drop(tokio_test::block_on(call).unwrap());
        });
    }
}
