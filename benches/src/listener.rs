//! Who listens to what is logged: one for the whole process, because a listener of a thread costs more to find.

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

/// Events that somebody has listened to.
static HEARD: AtomicU64 = AtomicU64::new(0);

/// How many events were heard until now.
#[must_use]
pub fn heard() -> u64 {
    HEARD.load(Ordering::Relaxed)
}

/// Puts the case's listener in place.
///
/// # Errors
///
/// When there is one already.
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

/// Asks for everything from info up, and does nothing with it.
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

/// `io::sink()`, and a count: the subscriber writes each event at once.
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
