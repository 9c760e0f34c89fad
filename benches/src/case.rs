//! What happens to a request, and who listens.

use std::{fmt, str::FromStr};

use tracing::{
    Event, Id, Level, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Record},
};

use crate::fixture::Error;

/// One situation in which every subject is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Answered 200 at once; nobody listens.
    Happy,
    /// As `Happy`, and the response bears no `Trackingid`.
    HappyNoId,
    /// As `Happy`, with a subscriber that asks for both events and does nothing with them.
    HappyNoop,
    /// As `Happy`, with all that is logged written at info, into a sink.
    HappyInfo,
    /// As `HappyInfo`, but the events of healthy attempts stay at debug, which is not written.
    HappyInfoAttempts,
    /// Answered 503, 503, 200, with no wait between.
    Retry,
}

impl Case {
    pub const ALL: [Self; 6] = [
        Self::Happy,
        Self::HappyNoId,
        Self::HappyNoop,
        Self::HappyInfo,
        Self::HappyInfoAttempts,
        Self::Retry,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::HappyNoId => "happy_no_id",
            Self::HappyNoop => "happy_noop",
            Self::HappyInfo => "happy_info",
            Self::HappyInfoAttempts => "happy_info_attempts",
            Self::Retry => "retry",
        }
    }

    /// How often each call is sent.
    #[must_use]
    pub fn attempts(self) -> u64 {
        if self == Self::Retry { 3 } else { 1 }
    }

    #[must_use]
    pub fn has_id(self) -> bool {
        self != Self::HappyNoId
    }

    /// Whether each healthy attempt is an event of the level at which calls are.
    #[must_use]
    pub fn logs_attempts(self) -> bool {
        matches!(self, Self::HappyNoop | Self::HappyInfo)
    }

    /// Puts the case's listener in place, for the whole process.
    ///
    /// # Errors
    ///
    /// When there is one already.
    pub fn listen(self) -> Result<(), Error> {
        match self {
            Self::HappyNoop => tracing::subscriber::set_global_default(Idle)?,
            Self::HappyInfo | Self::HappyInfoAttempts => {
                let sink = tracing_subscriber::fmt()
                    .with_max_level(Level::INFO)
                    .with_ansi(false)
                    .with_writer(std::io::sink);
                tracing::subscriber::set_global_default(sink.finish())?;
            }
            Self::Happy | Self::HappyNoId | Self::Retry => {}
        }
        Ok(())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Case {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let case = Self::ALL.into_iter().find(|case| case.name() == name);
        case.ok_or_else(|| format!("no case is called {name}").into())
    }
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

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
