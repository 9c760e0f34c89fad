use std::fmt;

use super::{Misuse, polling::Hung};

/// The first promise that a layer was found to break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{scenario:?}: {}, but {fault}", .scenario.promise())]
#[non_exhaustive]
pub struct Violation {
    /// In which scenario it was broken.
    pub scenario: Scenario,
    /// How.
    pub fault: Fault,
}

/// What the probe does with a layered service, and what the service promises then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scenario {
    /// An instance is polled ready and called, and the response is read.
    ReadyThenCall,
    /// Handles are polled for readiness once and kept; another clone is called.
    AbandonedHandles,
    /// A clone is called while the original stays ready; then the original is called.
    CallOnClone,
    /// The inner service is pending several times before it is ready, and each poll brings another waker.
    PendingReadiness,
    /// The inner service answers readiness with an error.
    RefusedReadiness,
    /// Many clones are called at once.
    ManyCalls,
    /// Each poll of the response future and of the body brings another waker: of a call alone, then of many at once, so that a call
    /// that waits in the layer's own queue is polled again too.
    ChangingWakers,
    /// Responses are dropped unread.
    UnreadBodies,
    /// Calls are dropped after every number of polls: while waiting for readiness, for the head, and within the body.
    DroppedCalls,
    /// Many clones are called at once, and half of the calls are dropped one after the other, some while they wait; with the same
    /// waker at each poll, then with another.
    DroppedCrowd,
}

impl Scenario {
    fn promise(self) -> &'static str {
        match self {
            Self::ReadyThenCall => "a service that is ready answers a call",
            Self::AbandonedHandles => {
                "a handle that was polled for readiness and left alone blocks no other clone"
            }
            Self::CallOnClone => "a clone can be called while the original stays ready",
            Self::PendingReadiness => "readiness wakes the waker of the latest poll",
            Self::RefusedReadiness => "an inner service that refuses to become ready makes the call fail",
            Self::ManyCalls => "calls on clones complete beside each other",
            Self::ChangingWakers => "a call wakes the waker of the latest poll",
            Self::UnreadBodies => "a response that is dropped unread gives back everything it held",
            Self::DroppedCalls => "a call that is dropped at any point gives back everything it held",
            Self::DroppedCrowd => "a call that is dropped while it waits passes its turn on",
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
    /// A call did not complete after others had been dropped at this number of polls.
    HungAfterDrop {
        /// How often the dropped calls had been polled.
        polls: usize,
    },
    /// A call failed, with this error.
    Failed(String),
    /// A call was answered that had to fail.
    Answered,
    /// The layer panicked, with this message.
    Panicked(String),
    /// Something of the calls is still alive after all of them were completed or dropped.
    Stranded {
        /// Response futures of the inner service.
        futures: usize,
        /// Response bodies of the inner service.
        bodies: usize,
    },
    /// A body was longer or shorter than its size hint allows.
    WrongSizeHint {
        /// The bytes that came.
        bytes: u64,
    },
    /// A body went on after `is_end_stream` had said that it was at its end.
    FrameAfterEnd,
    /// A body brought other bytes than the inner service gave it.
    ChangedBody,
    /// A body ended without the trailers that the inner service gave it.
    LostTrailers,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misused(misuse) => write!(formatter, "the layer misused its inner service: {misuse}"),
            Self::Hung => formatter.write_str("a call did not complete and nobody woke it"),
            Self::HungAfterDrop { polls } => {
                write!(formatter, "a call did not complete after others had been dropped at poll {polls}")
            }
            Self::Failed(error) => write!(formatter, "a call failed: {error}"),
            Self::Answered => formatter.write_str("a call was answered all the same"),
            Self::Panicked(message) => write!(formatter, "the layer panicked: {message}"),
            Self::Stranded { futures, bodies } => {
                write!(formatter, "{futures} inner futures and {bodies} inner bodies are still alive")
            }
            Self::WrongSizeHint { bytes } => {
                write!(formatter, "a body of {bytes} bytes had a size hint that does not allow them")
            }
            Self::FrameAfterEnd => {
                formatter.write_str("a body went on after it had said that it was at its end")
            }
            Self::ChangedBody => {
                formatter.write_str("a body brought other bytes than the inner service gave it")
            }
            Self::LostTrailers => {
                formatter.write_str("a body ended without the trailers that the inner service gave it")
            }
        }
    }
}

impl From<Hung> for Fault {
    fn from(_: Hung) -> Self {
        Self::Hung
    }
}
