//! A subscriber that keeps its events, and small services.
//!
//! It is global, because `tracing` remembers for the whole process whether anybody listens at a place; each
//! thread has its own collection and its own level, and so has each test.

use std::{cell::RefCell, collections::BTreeMap, convert::Infallible, fmt::Debug, sync::OnceLock};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use martello_testkit::ScriptedBody;
use tower::{Service, service_fn};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::{LookupSpan, Registry, Scope},
};

pub(crate) type Fields = BTreeMap<&'static str, String>;

#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) target: &'static str,
    pub(crate) level: Level,
    pub(crate) fields: Fields,
    /// The spans around it, the outermost first.
    pub(crate) spans: Vec<&'static str>,
}

impl Written {
    /// The value of a field, or nothing.
    #[track_caller]
    pub(crate) fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.fields.keys().copied().collect()
    }
}

#[derive(Default)]
struct Collection {
    level: Option<LevelFilter>,
    events: Vec<Written>,
    closed: Vec<Written>,
}

thread_local! {
    static COLLECTION: RefCell<Collection> = RefCell::default();
}

/// The events of the test on this thread.
pub(crate) struct Recorder;

impl Recorder {
    /// Listens from now on, to everything.
    pub(crate) fn new() -> Self {
        Self::at(LevelFilter::TRACE)
    }

    /// Listens from now on, up to this level.
    pub(crate) fn at(level: impl Into<LevelFilter>) -> Self {
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| {
            tracing::subscriber::set_global_default(Registry::default().with(Collector)).unwrap();
        });
        COLLECTION.set(Collection { level: Some(level.into()), ..Collection::default() });
        Self
    }

    pub(crate) fn events(&self) -> Vec<Written> {
        COLLECTION.with_borrow(|collection| collection.events.clone())
    }

    /// The event, if there is exactly one.
    #[track_caller]
    pub(crate) fn event(&self) -> Written {
        let events = self.events();
        assert_eq!(events.len(), 1, "{events:#?}");
        events.into_iter().next().unwrap()
    }

    /// The spans that ended, with their fields.
    pub(crate) fn spans(&self) -> Vec<Written> {
        COLLECTION.with_borrow(|collection| collection.closed.clone())
    }
}

struct Collector;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let ours = metadata.target().starts_with("martello");
        ours && COLLECTION
            .with_borrow(|collection| collection.level.is_some_and(|level| *metadata.level() <= level))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Read::default();
        attributes.record(&mut fields);
        let span = context.span(id).unwrap();
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Read>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Read::default();
        event.record(&mut fields);
        let scope = context.event_scope(event).into_iter();
        let written = Written {
            target: event.metadata().target(),
            level: *event.metadata().level(),
            fields: fields.0,
            spans: scope.flat_map(Scope::from_root).map(|span| span.name()).collect(),
        };
        COLLECTION.with_borrow_mut(|collection| collection.events.push(written));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let written = Written {
            target: span.metadata().target(),
            level: *span.metadata().level(),
            fields: span.extensions().get::<Read>().unwrap().0.clone(),
            spans: span.scope().from_root().map(|span| span.name()).collect(),
        };
        COLLECTION.with_borrow_mut(|collection| collection.closed.push(written));
    }
}

#[derive(Default)]
struct Read(Fields);

impl Visit for Read {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let before = self.0.insert(field.name(), format!("{value:?}"));
        assert_eq!(before, None, "{} was recorded twice", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

pub(crate) fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

pub(crate) fn put(body: &'static str) -> Request<Full<Bytes>> {
    Request::put("https://api.example/orders/1").body(Full::from(body)).unwrap()
}

/// A client that answers each request like this.
pub(crate) fn answering<B>(
    answer: impl Fn() -> Response<ScriptedBody> + Clone,
) -> impl Service<Request<B>, Response = Response<ScriptedBody>, Error = Infallible, Future: Send + Debug> + Clone
{
    service_fn(move |_| std::future::ready(Ok(answer())))
}

/// A response with this status and a body of two frames.
pub(crate) fn status(status: u16) -> Response<ScriptedBody> {
    let body = ScriptedBody::new().data("some").data("more");
    Response::builder().status(status).body(body).unwrap()
}
