use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

/// The clock of a store.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The engine's own: the machine's for an embedded engine, the server's for a server, so that workers
    /// whose clocks differ agree on when a lease has run out.
    #[default]
    Engine,
    /// One that is moved by hand, for tests.
    Manual(ManualClock),
}

impl Clock {
    /// The time of a clock that is moved by hand, in microseconds since 1970; `None` if the engine's own
    /// counts.
    #[must_use]
    pub fn manual_micros(&self) -> Option<i64> {
        match self {
            Self::Engine => None,
            Self::Manual(clock) => Some(clock.now().as_microsecond()),
        }
    }

    /// The time by this clock, where the engine's own is this machine's.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Engine => Timestamp::now(),
            Self::Manual(clock) => clock.now(),
        }
    }
}

/// A clock that stands still until it is moved. A clone is the same clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows this time, to the microsecond.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.as_microsecond())))
    }

    /// The time it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        // The closure always answers, so this cannot fail.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| Some(now.saturating_add(by)));
    }
}
