//! Captures the `tracing` events of the crate on the thread of a test.

use std::{cell::RefCell, collections::BTreeMap, fmt::Debug, sync::Once};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

thread_local! {
    static EVENTS: RefCell<Vec<CapturedEvent>> = const { RefCell::new(Vec::new()) };
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct CapturedEvent {
    pub(crate) level: Level,
    fields: BTreeMap<&'static str, String>,
}

impl CapturedEvent {
    pub(crate) fn message(&self) -> &str {
        self.field("message").unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// Captures the events of this thread from now on, and forgets the earlier ones.
pub(crate) fn capture() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Capture).unwrap());
    EVENTS.take();
}

/// The captured events whose message contains these words.
pub(crate) fn events(words: &str) -> Vec<CapturedEvent> {
    EVENTS.with_borrow(|all| all.iter().filter(|event| event.message().contains(words)).cloned().collect())
}

/// The captured errors.
pub(crate) fn errors() -> Vec<CapturedEvent> {
    events("").into_iter().filter(|event| event.level == Level::ERROR).collect()
}

struct Capture;

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("martello_outbox")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut captured = CapturedEvent { level: *event.metadata().level(), fields: BTreeMap::new() };
        event.record(&mut captured);
        EVENTS.with_borrow_mut(|all| all.push(captured));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Visit for CapturedEvent {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}
