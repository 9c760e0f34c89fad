//! What the crate says through `tracing`, on the thread of a test.

use std::{cell::RefCell, collections::BTreeMap, fmt::Debug, sync::Once};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

thread_local! {
    static HEARD: RefCell<Vec<Heard>> = const { RefCell::new(Vec::new()) };
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) level: Level,
    fields: BTreeMap<&'static str, String>,
}

impl Heard {
    pub(crate) fn message(&self) -> &str {
        self.field("message").unwrap_or_default()
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// From now on what is said on this thread is kept.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
    HEARD.take();
}

/// What was said with these words in it.
pub(crate) fn heard(words: &str) -> Vec<Heard> {
    HEARD.with_borrow(|heard| heard.iter().filter(|heard| heard.message().contains(words)).cloned().collect())
}

/// What was said as an error.
pub(crate) fn errors() -> Vec<Heard> {
    heard("").into_iter().filter(|heard| heard.level == Level::ERROR).collect()
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("martello_outbox")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut heard = Heard { level: *event.metadata().level(), fields: BTreeMap::new() };
        event.record(&mut heard);
        HEARD.with_borrow_mut(|all| all.push(heard));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

impl Visit for Heard {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}
