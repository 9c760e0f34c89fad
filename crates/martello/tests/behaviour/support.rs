//! A client, a stack with short waits, and a subscriber that records events.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use http::{Request, Uri};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use martello::{Body, Stack};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Registry,
    layer::{Context, Layer, SubscriberExt},
};

pub(crate) type Http = Client<HttpConnector, Body>;

pub(crate) fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

/// A stack that waits 10 ms between attempts.
pub(crate) fn quick() -> Stack {
    let ten = Duration::from_millis(10);
    Stack::new().retry(|retry| retry.backoff(ten, ten).jitter(0.0))
}

pub(crate) fn request(method: &str, uri: Uri) -> Request<Body> {
    Request::builder().method(method).uri(uri).body(Body::from("{}")).unwrap()
}

pub(crate) type Fields = BTreeMap<&'static str, String>;

/// The events of this thread, by target.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<(&'static str, Fields)>>>);

impl Written {
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        // tracing caches whether a callsite has a subscriber. Another test could register the callsite while
        // no subscriber exists, and disable it here. A subscriber for the whole process prevents that.
        static PROCESS: Once = Once::new();
        PROCESS.call_once(|| tracing::subscriber::set_global_default(Registry::default()).unwrap());
        let written = Self::default();
        let guard = tracing::subscriber::set_default(Registry::default().with(written.clone()));
        (written, guard)
    }

    pub(crate) fn of(&self, target: &str) -> Vec<Fields> {
        let written = self.0.lock().unwrap();
        written.iter().filter(|(of, _)| *of == target).map(|(_, fields)| fields.clone()).collect()
    }
}

impl<S: Subscriber> Layer<S> for Written {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Collect::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push((event.metadata().target(), fields.0));
    }
}

#[derive(Default)]
struct Collect(Fields);

impl Visit for Collect {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}
