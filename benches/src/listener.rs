//! The tracing subscriber of a case. There is one per process, because a subscriber of a thread costs more to
//! look up.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
};

use tracing::{
    Event, Id, Level, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Record},
};

use crate::{Error, case::Case};

/// Events that a subscriber has received.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// The number of events received so far.
#[must_use]
pub fn received() -> u64 {
    HEARD.load(Ordering::Relaxed)
}

/// Installs the subscriber of the case.
///
/// # Errors
///
/// When a subscriber is installed already.
pub fn listen(case: Case) -> Result<(), Error> {
    match case {
        Case::HappyNoop => tracing::subscriber::set_global_default(Idle)?,
        Case::HappyInfo | Case::HappyInfoAttempts => {
            let written = tracing_subscriber::fmt().with_max_level(Level::INFO).with_ansi(false);
            tracing::subscriber::set_global_default(written.with_writer(|| Sink).finish())?;
        }
        _ => {}
    }
    Ok(())
}

/// Enables everything from info up, and discards it.
struct Idle;

impl Subscriber for Idle {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, _: &Event<'_>) {
        HEARD.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// `io::sink()` with a counter: the subscriber writes each event at once.
struct Sink;

impl io::Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        HEARD.fetch_add(1, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
