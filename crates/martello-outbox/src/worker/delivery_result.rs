use super::attempt_result::AttemptResult;

/// How a delivery ended.
///
/// A connection that could not be made is [`Attempted`](Self::Attempted), with the outcome unsent: it counts.
#[derive(Debug)]
pub(super) enum DeliveryResult {
    /// The worker shuts down and has stopped the delivery before the request was sent. The entry is given
    /// back.
    Stopped,
    /// The stack has refused the request, or was not ready within the attempt timeout. The entry is given
    /// back.
    RefusedByStack,
    /// A layer failed before it called the client: the entry is given back, and its authority held.
    FailedBeforeClient(Box<str>),
    /// The entry is sealed, and this worker has no sealing. It gives the entry back to workers that have one.
    MissingSealing(Box<str>),
    /// The lease was lost: the store decides what becomes of the entry.
    LeaseLost,
    /// The stack panicked, with this message.
    Panicked(String),
    /// The worker made an attempt, or the request can never be sent.
    Attempted(Box<AttemptResult>),
}
