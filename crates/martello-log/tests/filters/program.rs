//! A program that makes calls and writes lines of its own, and layers that keep what reaches them.

use std::{
    convert::Infallible,
    fmt::Debug,
    mem,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};

use http::{Request, Response};
use http_body::Body as _;
use http_body_util::Empty;
use martello_log::LogLayer;
use martello_testkit::ScriptedBody;
use tower::{Layer as _, ServiceExt, service_fn};
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber, debug,
    dispatcher::set_default,
    error,
    field::{Field, Visit},
    info, info_span,
    level_filters::LevelFilter,
    span::{Attributes, Id},
    trace, warn,
};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{Targets, dynamic_filter_fn, filter_fn},
    layer::{Context, Filter},
    registry::{LookupSpan, Scope},
    reload,
};

/// A filter that lets more of the program through where there is a log.
pub(crate) const IN_A_CALL: &str = "what lies in a call";

/// Every kind of filter that a layer may have, by name.
pub(crate) const FILTERS: [&str; 17] = [
    "none",
    "off",
    "error",
    "info",
    "trace",
    "reloadable info",
    "reloaded to off",
    "reloaded from off",
    "info, martello at debug",
    "info, martello off",
    "martello alone",
    "events with an outcome",
    "by a function, events with an outcome",
    "by a function, events with a field that none has",
    IN_A_CALL,
    "by a function",
    "by a function of its own for each event",
];

pub(crate) type AnyFilter<S> = Box<dyn Filter<S> + Send + Sync>;

/// A filter of this name.
pub(crate) fn filter<S>(name: &str) -> AnyFilter<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let targets = || Targets::new().with_default(Level::INFO);
    match name {
        "off" => Box::new(LevelFilter::OFF),
        "error" => Box::new(LevelFilter::ERROR),
        "info" => Box::new(LevelFilter::INFO),
        "trace" => Box::new(LevelFilter::TRACE),
        "reloadable info" => Box::new(reload::Layer::new(LevelFilter::INFO).0),
        "reloaded to off" => reloaded(LevelFilter::TRACE, LevelFilter::OFF),
        "reloaded from off" => reloaded(LevelFilter::OFF, LevelFilter::INFO),
        "info, martello at debug" => Box::new(targets().with_target("martello", Level::DEBUG)),
        "info, martello off" => Box::new(targets().with_target("martello", LevelFilter::OFF)),
        "martello alone" => Box::new(Targets::new().with_target("martello", Level::TRACE)),
        "events with an outcome" => Box::new(EnvFilter::new("error,martello::call[{outcome}]=debug")),
        "by a function, events with an outcome" => {
            Box::new(filter_fn(|metadata| has_field(metadata, "outcome")))
        }
        "by a function, events with a field that none has" => {
            Box::new(filter_fn(|metadata| has_field(metadata, "none")))
        }
        IN_A_CALL => Box::new(EnvFilter::new("warn,[call]=trace")),
        "none" => Box::new(filter_fn(|_| true)),
        "by a function" => Box::new(filter_fn(|metadata| metadata.target() != "martello::call")),
        "by a function of its own for each event" => {
            Box::new(dynamic_filter_fn(|metadata, _| *metadata.level() <= Level::WARN))
        }
        name => panic!("there is no filter {name}"),
    }
}

fn has_field(metadata: &Metadata<'_>, name: &str) -> bool {
    metadata.is_event() && metadata.fields().field(name).is_some()
}

/// A filter that was reloaded, before anything is logged.
fn reloaded<S>(before: LevelFilter, after: LevelFilter) -> AnyFilter<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let (filter, handle) = reload::Layer::new(before);
    handle.reload(after).unwrap();
    Box::new(filter)
}

/// A layer that keeps what reaches it: a line for each event and for each span that begins.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<String>>>);

impl Kept {
    pub(crate) fn layer<S>(&self, filter: AnyFilter<S>) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.clone().with_filter(filter).boxed()
    }

    pub(crate) fn take(&self) -> Lines {
        let lines = mem::take(&mut *self.0.lock().unwrap());
        let (ours, theirs) = lines.into_iter().partition(|line| line.starts_with("martello::"));
        Lines { ours, theirs }
    }

    fn keep(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

/// The lines that must reach a layer with this filter; `alone` are those that reach it without other layers.
pub(crate) fn expected(name: &str, alone: impl Fn(&[LogLayer; 2]) -> Lines) -> Lines {
    let with_log = alone(&[LogLayer::calls(), LogLayer::attempts()]);
    let theirs = if name == IN_A_CALL {
        assert!(with_log.theirs.iter().any(|line| line.contains("in the client")));
        with_log.theirs
    } else {
        alone(&[LogLayer::off(), LogLayer::off()]).theirs
    };
    Lines { ours: with_log.ours, theirs }
}

/// What reached a layer: the records of the log, and what the program wrote.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) ours: Vec<String>,
    pub(crate) theirs: Vec<String>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Kept {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let metadata = attributes.metadata();
        self.keep(format!("{} span {}", metadata.target(), metadata.name()));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let spans = context.event_scope(event).into_iter().flat_map(Scope::from_root);
        // The span of the call is the log's own: the program's lines lie in it where the log is on.
        let spans: Vec<_> = spans.map(|span| span.name()).filter(|name| *name != "call").collect();
        let metadata = event.metadata();
        self.keep(format!("{} {} {} in {spans:?}", metadata.target(), metadata.level(), text.0));
    }
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if matches!(field.name(), "message" | "outcome") {
            self.0 = format!("{value:?}");
        }
    }
}

/// How the program writes an event.
pub(crate) type Say = fn(&str);

/// What may be the next to be written after something that the log did.
pub(crate) const SAYS: &[Say] = &[
    |what| error!("{what}"),
    |what| warn!("{what}"),
    |what| info!("{what}"),
    |what| debug!("{what}"),
    |what| trace!("{what}"),
    |what| info_span!("work").in_scope(|| error!("{what}")),
];

/// Makes calls through these layers, outer and inner, and writes an event after each step of a log. The
/// calls are polled and dropped under a subscriber of their own, if there is one.
pub(crate) fn program([calls, attempts]: &[LogLayer; 2], say: Say, under: Option<&Dispatch>) {
    let entered = || under.map(set_default);
    say("at the start");
    for code in [200, 404, 503] {
        let client = service_fn(move |_: Request<Empty<&'static [u8]>>| async move {
            say("in the client");
            tokio::task::yield_now().await;
            say("in the client, later");
            let body = ScriptedBody::new().data("some").pending().data("more");
            Ok::<_, Infallible>(Response::builder().status(code).body(body).unwrap())
        });
        let service = calls.layer(attempts.layer(client));
        let start = || {
            let _entered = entered();
            let mut call = tokio_test::task::spawn(service.clone().oneshot(Request::new(Empty::new())));
            assert!(call.poll().is_pending());
            call
        };

        let dropped = start();
        say("in another task, during a call");
        let guard = entered();
        drop(dropped);
        drop(guard);
        say("after a call was dropped");

        let mut call = start();
        say("in another task, during a call");
        let guard = entered();
        let Poll::Ready(Ok(response)) = call.poll() else { panic!("the client answers now") };
        drop(guard);
        say("after a call");

        let mut body = pin!(response.into_body());
        let mut reader = tokio_test::task::spawn(());
        let mut frame = || {
            let _entered = entered();
            reader.enter(|cx, _| body.as_mut().poll_frame(cx))
        };
        assert!(frame().is_ready());
        say("amid a body");
        assert!(frame().is_pending());
        say("while a body waits");
        assert!(frame().is_ready());
        say("after a body");
    }
}
