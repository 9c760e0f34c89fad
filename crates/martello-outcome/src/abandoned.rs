use std::cell::Cell;

use crate::{ErrorKind, Outcome};

thread_local! {
    static REASON: Cell<Option<Abandoned>> = const { Cell::new(None) };
}

/// The reason why a layer drops a future or a body before its end. The layers inside read it in their `Drop`,
/// so that their records agree with the error of the layer that gave up.
///
/// A layer with a timeout, a deadline or a bound drops what it waits for. Without a reason, the layers inside
/// cannot distinguish that from a caller that dropped the call, and would record "cancelled" where the error
/// says "timed out".
///
/// The reason is set on the thread that drops, for as long as the drop takes. It needs neither an allocation
/// nor an extension. It does not cross tasks or channels: what another task drops has no reason and counts as
/// cancelled.
///
/// ```
/// use martello_outcome::{Abandoned, ErrorKind, Outcome};
///
/// struct Recorded;
///
/// impl Drop for Recorded {
///     fn drop(&mut self) {
///         let outcome = Abandoned::reason().map_or("cancelled", |reason| reason.outcome().as_str());
///         println!("it ended as {outcome}");
/// #       assert_eq!(outcome, "ambiguous");
///     }
/// }
///
/// // A timeout of your own, around a call that has a layer like this inside:
/// let call = Recorded;
/// Abandoned::new(ErrorKind::AttemptTimeout, Outcome::Ambiguous, "no response came in time")
///     .while_dropping(|| drop(call));
/// assert_eq!(Abandoned::reason(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abandoned {
    kind: Option<ErrorKind>,
    outcome: Outcome,
    message: &'static str,
}

impl Abandoned {
    /// The reason of a layer that fails by itself: the values of its error. The message is in lower case,
    /// without a full stop.
    #[must_use]
    pub const fn new(kind: ErrorKind, outcome: Outcome, message: &'static str) -> Self {
        Self { kind: Some(kind), outcome, message }
    }

    /// The reason of a part that is stopped and knows how far the request came.
    #[must_use]
    pub const fn cancelled(outcome: Outcome, message: &'static str) -> Self {
        Self { kind: None, outcome, message }
    }

    /// Calls `drop` with this reason set. Afterwards, also after a panic, the earlier reason is set again.
    pub fn while_dropping<T>(self, drop: impl FnOnce() -> T) -> T {
        let _restored = Restored(REASON.replace(Some(self)));
        drop()
    }

    /// The reason, read from within a `Drop`; `None` if no layer on this thread set one.
    #[must_use]
    pub fn reason() -> Option<Self> {
        REASON.get()
    }

    /// The kind of the error that ended it; `None` if it was cancelled.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        self.kind
    }

    /// The outcome of the attempt. The outcome of a status that came before takes precedence.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What happened, as a sentence.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.message
    }
}

/// Sets the earlier reason again when it is dropped.
struct Restored(Option<Abandoned>);

impl Drop for Restored {
    fn drop(&mut self) {
        REASON.set(self.0);
    }
}
