use std::cell::Cell;

use crate::{ErrorKind, Outcome};

thread_local! {
    static REASON: Cell<Option<Abandoned>> = const { Cell::new(None) };
}

/// Why a future or a body is dropped before its end: what a layer that gives up says to the layers inside while it drops
/// them, so that they tell the same of it.
///
/// A layer that has a timeout, a deadline or a bound drops what it waits for. What lies inside cannot tell that from a
/// caller that went away, and would keep a record of something cancelled where the error says timed out.
///
/// The reason is there on the thread that drops, and for as long as the drop takes. It costs neither an allocation nor an
/// extension, and nothing at all where nothing is given up. Across a task or a channel it says nothing: what another task
/// drops has no reason, and is cancelled.
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
    /// The reason of a layer that fails by itself, as its error has it. The message is in lower case, without a full stop.
    #[must_use]
    pub const fn new(kind: ErrorKind, outcome: Outcome, message: &'static str) -> Self {
        Self { kind: Some(kind), outcome, message }
    }

    /// The reason of a part that is told to stop, and knows how far the request came.
    #[must_use]
    pub const fn cancelled(outcome: Outcome, message: &'static str) -> Self {
        Self { kind: None, outcome, message }
    }

    /// Calls this, which drops something, and says the reason meanwhile. A reason that was there before is there again
    /// afterwards, also after a panic.
    pub fn while_dropping<T>(self, drop: impl FnOnce() -> T) -> T {
        let _restored = Restored(REASON.replace(Some(self)));
        drop()
    }

    /// Why the caller of this, from within a drop, is dropped; `None` if nobody on this thread says so.
    #[must_use]
    pub fn reason() -> Option<Self> {
        REASON.get()
    }

    /// What ended it; `None` if it was cancelled.
    #[must_use]
    pub fn kind(&self) -> Option<ErrorKind> {
        self.kind
    }

    /// How the attempt ended thereby. A status that had come says more.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What happened, in words.
    #[must_use]
    pub fn message(&self) -> &'static str {
        self.message
    }
}

/// What was said before.
struct Restored(Option<Abandoned>);

impl Drop for Restored {
    fn drop(&mut self) {
        REASON.set(self.0);
    }
}
