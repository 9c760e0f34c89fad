use std::fmt;

use super::{Misuse, polling::Hung};

/// The first promise of the `Service` contract that a layer broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{scenario:?}: {}, but {fault}", .scenario.promise())]
#[non_exhaustive]
pub struct Violation {
    /// The scenario that failed.
    pub scenario: Scenario,
    /// How it failed.
    pub fault: Fault,
}

/// What the probe does with a layered service, and which promise it checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scenario {
    /// An instance is polled ready and called, and the response is read.
    ReadyThenCall,
    /// Clones are polled for readiness once and kept without a call; another clone is called.
    AbandonedHandles,
    /// A clone is called while the original stays ready; then the original is called.
    CallOnClone,
    /// The inner service is pending several times before it is ready. Each poll has a new waker.
    PendingReadiness,
    /// The inner service returns an error from `poll_ready`.
    RefusedReadiness,
    /// Many clones are called at once.
    ManyCalls,
    /// Each poll of the response future and of the body has a new waker, first for one call, then for many at
    /// once, so that calls in the layer's own queue are polled again too.
    ChangingWakers,
    /// Responses are dropped unread.
    UnreadBodies,
    /// Calls are dropped after every number of polls: while waiting for readiness, for the head, and within
    /// the body.
    DroppedCalls,
    /// Many clones are called at once, and half of the calls are dropped one after the other, some while they
    /// wait. First with the same waker at each poll, then with a new one.
    DroppedCrowd,
}

impl Scenario {
    fn promise(self) -> &'static str {
        match self {
            Self::ReadyThenCall => "a ready service answers a call",
            Self::AbandonedHandles => {
                "a clone that was polled for readiness and is not called does not block other clones"
            }
            Self::CallOnClone => "a clone can be called while the original stays ready",
            Self::PendingReadiness => "readiness wakes the waker of the latest poll",
            Self::RefusedReadiness => "a call fails if the inner service fails to become ready",
            Self::ManyCalls => "concurrent calls on clones complete",
            Self::ChangingWakers => "a call wakes the waker of the latest poll",
            Self::UnreadBodies => "a response that is dropped unread releases everything it holds",
            Self::DroppedCalls => "a call that is dropped at any point releases everything it holds",
            Self::DroppedCrowd => "a call that is dropped while it waits lets the next one proceed",
        }
    }
}

/// How a promise was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The layer misused the service inside it.
    Misused(Misuse),
    /// A call did not complete.
    Hung,
    /// A call did not complete after other calls were dropped at this poll.
    HungAfterDrop {
        /// How often the dropped calls were polled.
        polls: usize,
    },
    /// A call failed, with this error.
    Failed(String),
    /// A call succeeded that had to fail.
    Answered,
    /// The layer panicked, with this message.
    Panicked(String),
    /// Futures or bodies of the calls are still alive after all calls completed or were dropped.
    Stranded {
        /// Response futures of the inner service.
        futures: usize,
        /// Response bodies of the inner service.
        bodies: usize,
    },
    /// A body was longer or shorter than its size hint allows.
    WrongSizeHint {
        /// The length of the body.
        bytes: u64,
    },
    /// A body returned a frame after `is_end_stream` returned true.
    FrameAfterEnd,
    /// The bytes of a body differ from those of the inner service.
    ChangedBody,
    /// A body ended without the trailers of the inner service.
    LostTrailers,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misused(misuse) => write!(formatter, "the layer misused its inner service: {misuse}"),
            Self::Hung => formatter.write_str("a call did not complete, and its waker was not woken"),
            Self::HungAfterDrop { polls } => {
                write!(formatter, "a call did not complete after other calls were dropped at poll {polls}")
            }
            Self::Failed(error) => write!(formatter, "a call failed: {error}"),
            Self::Answered => formatter.write_str("the call succeeded"),
            Self::Panicked(message) => write!(formatter, "the layer panicked: {message}"),
            Self::Stranded { futures, bodies } => {
                write!(formatter, "{futures} inner futures and {bodies} inner bodies are still alive")
            }
            Self::WrongSizeHint { bytes } => {
                write!(formatter, "a body of {bytes} bytes had a size hint that does not allow them")
            }
            Self::FrameAfterEnd => {
                formatter.write_str("a body returned a frame after `is_end_stream` returned true")
            }
            Self::ChangedBody => {
                formatter.write_str("the bytes of a body differ from those of the inner service")
            }
            Self::LostTrailers => {
                formatter.write_str("a body ended without the trailers of the inner service")
            }
        }
    }
}

impl From<Hung> for Fault {
    fn from(_: Hung) -> Self {
        Self::Hung
    }
}
