//! What the callsites of records look like: to a filter, and to a backend.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use http::Request;
use http_body_util::Empty;
use martello_log::{LogBuilder, LogLayer};
use tower::{Layer as _, ServiceExt, service_fn};
use tracing::{Level, Metadata, Subscriber, subscriber::Interest};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::Registry,
};

use crate::one_at_a_time;

/// All that a filter can look at before there is a value.
type Seen = (&'static str, Level, &'static str, bool, Vec<&'static str>);

#[derive(Clone, Default)]
struct Callsites(Arc<Mutex<Vec<Seen>>>);

impl<S: Subscriber> Layer<S> for Callsites {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if metadata.target().starts_with("martello::") {
            let fields = metadata.fields().iter().map(|field| field.name()).collect();
            let seen = (metadata.target(), *metadata.level(), metadata.name(), metadata.is_event(), fields);
            self.0.lock().unwrap().push(seen);
        }
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>, _: Context<'_, S>) -> bool {
        true
    }
}

/// All callsites of events and spans, at each level.
fn all() -> Vec<Seen> {
    tracing::subscriber::with_default(Registry::default().with(Callsites::default()), || {
        for level in LEVELS {
            write(|log| log.build_calls().unwrap(), level);
            write(|log| log.build_attempts().unwrap(), level);
        }
    });
    // A later subscriber is registered with all callsites.
    let callsites = Callsites::default();
    let _told = tracing::Dispatch::new(Registry::default().with(callsites.clone()));
    let seen = callsites.0.lock().unwrap();
    seen.clone()
}

const LEVELS: [Level; 5] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];

/// Writes an event of this kind and level, and a span.
fn write(build: fn(LogBuilder) -> LogLayer, level: Level) {
    let layer = build(LogLayer::builder().success_level(level).failure_level(level).span(level));
    let client =
        service_fn(async |_| Ok::<_, std::convert::Infallible>(http::Response::new(Empty::<&[u8]>::new())));
    let call = layer.layer(client).oneshot(Request::new(Empty::<&[u8]>::new()));
    drop(tokio_test::block_on(call).unwrap());
}

#[test]
fn each_event_has_a_callsite_that_is_asked_and_one_that_writes_and_they_are_alike() {
    let _one = one_at_a_time();
    let mut alike = BTreeMap::new();
    for seen in all().iter().filter(|(_, _, _, is_event, _)| *is_event) {
        *alike.entry(format!("{seen:?}")).or_insert(0) += 1;
    }
    assert_eq!(alike.len(), 2 * LEVELS.len(), "{alike:#?}");
    assert!(alike.values().all(|count| *count == 2), "{alike:#?}");
}

/// Where dots are expanded, as Elasticsearch does it, such a field would have to be a text and an object at
/// once.
#[test]
fn the_name_of_no_field_is_the_beginning_of_another() {
    let _one = one_at_a_time();
    let names: BTreeSet<_> = all().into_iter().flat_map(|(_, _, _, _, fields)| fields).collect();
    assert!(names.contains("otel.name") && names.contains("error.type"), "{names:?}");
    for name in &names {
        let within = format!("{name}.");
        assert!(!names.iter().any(|other| other.starts_with(&within)), "{name} in {names:?}");
    }
}
