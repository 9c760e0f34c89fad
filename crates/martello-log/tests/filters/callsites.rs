//! What is asked for interest, and what is written, look the same to a filter.

use std::{
    collections::BTreeMap,
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

/// Writes an event of this kind and level.
fn write(build: fn(LogBuilder) -> LogLayer, level: Level) {
    let layer = build(LogLayer::builder().healthy(level).failed(level));
    let client =
        service_fn(async |_| Ok::<_, std::convert::Infallible>(http::Response::new(Empty::<&[u8]>::new())));
    drop(tokio_test::block_on(layer.layer(client).oneshot(Request::new(Empty::<&[u8]>::new()))).unwrap());
}

#[test]
fn each_event_has_a_callsite_that_is_asked_and_one_that_writes_and_they_are_alike() {
    let _one = one_at_a_time();
    let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    tracing::subscriber::with_default(Registry::default().with(Callsites::default()), || {
        for level in levels {
            write(|log| log.build_calls().unwrap(), level);
            write(|log| log.build_attempts().unwrap(), level);
        }
    });
    // One that comes later is told of all.
    let callsites = Callsites::default();
    let _told = tracing::Dispatch::new(Registry::default().with(callsites.clone()));
    let mut alike = BTreeMap::new();
    for seen in callsites.0.lock().unwrap().iter().filter(|(_, _, _, is_event, _)| *is_event) {
        *alike.entry(format!("{seen:?}")).or_insert(0) += 1;
    }
    assert_eq!(alike.len(), 2 * levels.len(), "{alike:#?}");
    assert!(alike.values().all(|count| *count == 2), "{alike:#?}");
}
