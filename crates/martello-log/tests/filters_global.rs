//! As `filters`, where the subscriber is that of the whole process, and its filters are reloaded; beside
//! another one that a thread has for a while. A binary of its own, because there is one such subscriber.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "filters/program.rs"]
mod program;

use std::sync::{LazyLock, Mutex, PoisonError};

use martello_log::LogLayer;
use program::{AnyFilter, FILTERS, IN_A_CALL, Kept, Lines, SAYS, Say, expected, filter, program};
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::{
    Layer,
    layer::SubscriberExt,
    registry::{LookupSpan, Registry},
    reload,
};

/// Sets the filter of a layer of the process.
type Reload = Box<dyn Fn(&str) + Send + Sync>;

struct Global {
    kept: [Kept; 2],
    reload: [Reload; 2],
}

/// There is one of it, and a test at a time has it.
static GLOBAL: LazyLock<Mutex<Global>> = LazyLock::new(|| {
    let kept = [Kept::default(), Kept::default()];
    let (first, reload_first) = reloadable(&kept[0]);
    let (second, reload_second) = reloadable(&kept[1]);
    tracing::subscriber::set_global_default(Registry::default().with(first).with(second)).unwrap();
    Mutex::new(Global { kept, reload: [reload_first, reload_second] })
});

fn reloadable<S>(kept: &Kept) -> (Box<dyn Layer<S> + Send + Sync>, Reload)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let (reloadable, handle) = reload::Layer::<AnyFilter<S>, S>::new(filter("off"));
    (kept.layer(Box::new(reloadable)), Box::new(move |name| handle.reload(filter(name)).unwrap()))
}

impl Global {
    /// What reaches each layer with these filters, and a layer that is the thread's while it polls its calls.
    fn lines(&self, names: [&str; 2], thread: &str, log: &[LogLayer; 2], say: Say) -> [Lines; 3] {
        self.reload[0](names[0]);
        self.reload[1](names[1]);
        let kept = Kept::default();
        let thread = Dispatch::new(Registry::default().with(kept.layer(filter(thread))));
        program(log, say, Some(&thread));
        [&self.kept[0], &self.kept[1], &kept].map(Kept::take)
    }
}

#[test]
fn no_pair_of_filters_of_the_process_loses_a_line_or_a_span() {
    let global = GLOBAL.lock().unwrap_or_else(PoisonError::into_inner);
    let lines = |names: [&str; 2], log: &[LogLayer; 2], say| {
        global.reload[0](names[0]);
        global.reload[1](names[1]);
        program(log, say, None);
        global.kept.each_ref().map(Kept::take)
    };
    let log = [LogLayer::calls(), LogLayer::attempts()];
    for &say in SAYS {
        let alone = |name, log: &[LogLayer; 2]| {
            let [lines, _] = lines([name, "off"], log, say);
            lines
        };
        let expected = FILTERS.map(|name| expected(name, |log| alone(name, log)));
        for (first, expected_first) in FILTERS.iter().zip(&expected) {
            for (second, expected_second) in FILTERS.iter().zip(&expected) {
                let [got_first, got_second] = lines([first, second], &log, say);
                assert_eq!(&got_first, expected_first, "{first:?}, beside {second:?}");
                assert_eq!(&got_second, expected_second, "{second:?}, beside {first:?}");
            }
        }
    }
}

#[test]
fn no_subscriber_of_a_thread_takes_a_line_from_that_of_the_process() {
    let global = GLOBAL.lock().unwrap_or_else(PoisonError::into_inner);
    for &say in SAYS {
        for first in FILTERS {
            for thread in FILTERS {
                let lines = |log| global.lines([first, "martello alone"], thread, &log, say);
                let expected = lines([LogLayer::off(), LogLayer::off()]).map(|lines| lines.theirs);
                let got = lines([LogLayer::calls(), LogLayer::attempts()]).map(|lines| lines.theirs);
                // In the thread's subscriber the span of a call may let more through.
                let compared = if thread == IN_A_CALL { 2 } else { 3 };
                assert_eq!(got[..compared], expected[..compared], "{first:?}, and {thread:?} of a thread");
            }
        }
    }
}
