use super::attempt_result::AttemptResult;

/// How a delivery ended.
#[derive(Debug)]
pub(super) enum DeliveryResult {
    /// Nothing was put on the wire, so that the entry is given back.
    NotSent {
        /// Whether the stack refused the request; otherwise the worker shuts down.
        refused: bool,
    },
    /// A layer failed before it called the client: the entry is given back, and its authority held.
    Untried(Box<str>),
    /// This worker is not configured to send the entry. It gives the entry back to workers that may be.
    CannotSend(Box<str>),
    /// The lease was lost: the store decides what becomes of the entry.
    LeaseLost,
    /// The stack panicked, with this message.
    Panicked(String),
    /// The worker made an attempt, or the request can never be sent.
    Attempted(Box<AttemptResult>),
}
