use std::{fmt, str::FromStr, time::Duration};

use crate::Error;

/// A situation in which every subject is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// The server answers 200 at once; there is no tracing subscriber.
    Happy,
    /// As `Happy`, but the response has no `Trackingid`.
    HappyNoId,
    /// As `Happy`, with a subscriber that enables all events and discards them.
    HappyNoop,
    /// As `Happy`, with all events written at info, into a sink.
    HappyInfo,
    /// As `HappyInfo`, but only the event of a call is at info; those of its attempts are at debug.
    HappyInfoAttempts,
    /// The server answers 503, 503, 200; the retries do not wait.
    Retry,
    /// The server answers 200 at once, but all permits are taken when the call starts.
    Wait,
    /// The server answers 200 over HTTP/1.1 on loopback; there is no subscriber.
    Loopback,
    /// The server answers 503, 503, 200 over loopback, with 512 KiB in each 503 and 10 ms between attempts.
    Big503,
}

impl Case {
    pub const ALL: [Self; 9] = [
        Self::Happy,
        Self::HappyNoId,
        Self::HappyNoop,
        Self::HappyInfo,
        Self::HappyInfoAttempts,
        Self::Retry,
        Self::Wait,
        Self::Loopback,
        Self::Big503,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Happy => "happy",
            Self::HappyNoId => "happy_no_id",
            Self::HappyNoop => "happy_noop",
            Self::HappyInfo => "happy_info",
            Self::HappyInfoAttempts => "happy_info_attempts",
            Self::Retry => "retry",
            Self::Wait => "wait",
            Self::Loopback => "loopback",
            Self::Big503 => "big_503",
        }
    }

    /// The number of attempts of each call.
    #[must_use]
    pub fn attempts(self) -> u64 {
        if self.is_retried() { 3 } else { 1 }
    }

    #[must_use]
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Retry | Self::Big503)
    }

    /// The wait between two attempts.
    #[must_use]
    pub fn wait(self) -> Duration {
        if self == Self::Big503 { Duration::from_millis(10) } else { Duration::ZERO }
    }

    #[must_use]
    pub fn has_id(self) -> bool {
        self != Self::HappyNoId
    }

    /// Whether the events within a call have the same level as the call's own event.
    #[must_use]
    pub fn logs_parts(self) -> bool {
        matches!(self, Self::HappyNoop | Self::HappyInfo)
    }

    #[must_use]
    pub fn is_over_sockets(self) -> bool {
        matches!(self, Self::Loopback | Self::Big503)
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
