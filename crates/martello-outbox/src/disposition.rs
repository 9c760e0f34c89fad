//! What becomes of a request after an attempt: one rule for the door and for the worker.

use http::StatusCode;
use martello_outcome::{ErrorKind, Outcome};

use crate::Reason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// It is over: the server has done it.
    Return,
    /// It is to be delivered again.
    Defer {
        /// Whether that was one of its tries. What may pass without the request's fault, such as a token that
        /// has run out, is waited for until the request expires.
        counts: bool,
    },
    /// It must not go again.
    DeadLetter(Reason),
}

impl Disposition {
    /// After an attempt that ended so; `kind` is that of its error, if it had one.
    pub(crate) fn of(
        outcome: Outcome,
        kind: Option<ErrorKind>,
        status: Option<StatusCode>,
        repeatable: bool,
    ) -> Self {
        match outcome {
            // The client will not have it, as a server would not: the same request would end the same.
            Outcome::Unsent if kind == Some(ErrorKind::Unsendable) => Self::DeadLetter(Reason::Rejected),
            Outcome::Success => Self::Return,
            Outcome::Rejected => Self::DeadLetter(Reason::Rejected),
            Outcome::Unsent => Self::Defer { counts: true },
            _ if !repeatable && outcome.may_be_processed(status) => Self::DeadLetter(Reason::Ambiguous),
            Outcome::Faulty => Self::Defer { counts: false },
            _ => Self::Defer { counts: true },
        }
    }

    /// This disposition on the last attempt of a call, which ended with `last`, as the disposition on the call. Their
    /// outcomes differ where that attempt was rejected for what an earlier one may have done: to send it
    /// again would end the same.
    pub(crate) fn of_call(self, last: Outcome, call: Outcome) -> Self {
        match call {
            same if same == last => self,
            Outcome::Success => Self::Return,
            _ => Self::DeadLetter(Reason::Ambiguous),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_processed_goes_again_only_if_it_is_repeatable() {
        for (outcome, status, expected) in [
            (Outcome::Unavailable, Some(503), Disposition::Defer { counts: true }),
            (Outcome::Unavailable, Some(502), Disposition::DeadLetter(Reason::Ambiguous)),
            (Outcome::Unavailable, Some(504), Disposition::DeadLetter(Reason::Ambiguous)),
            (Outcome::Faulty, Some(500), Disposition::DeadLetter(Reason::Ambiguous)),
            (Outcome::Faulty, Some(401), Disposition::Defer { counts: false }),
            (Outcome::Faulty, Some(429), Disposition::Defer { counts: false }),
            (Outcome::Ambiguous, None, Disposition::DeadLetter(Reason::Ambiguous)),
            // The head came and the body broke.
            (Outcome::Ambiguous, Some(200), Disposition::DeadLetter(Reason::Ambiguous)),
            (Outcome::Unsent, None, Disposition::Defer { counts: true }),
            (Outcome::Rejected, Some(422), Disposition::DeadLetter(Reason::Rejected)),
            (Outcome::Success, Some(204), Disposition::Return),
        ] {
            let status = status.map(|status| StatusCode::from_u16(status).unwrap());
            assert_eq!(Disposition::of(outcome, None, status, false), expected, "{outcome} {status:?}");
            let dead = matches!(expected, Disposition::DeadLetter(Reason::Ambiguous));
            let again = Disposition::Defer { counts: outcome != Outcome::Faulty };
            assert_eq!(Disposition::of(outcome, None, status, true), if dead { again } else { expected });
        }
    }

    #[test]
    fn what_the_client_refuses_is_dead_and_what_else_was_not_sent_goes_again() {
        for repeatable in [true, false] {
            let of = |kind| Disposition::of(Outcome::Unsent, Some(kind), None, repeatable);
            assert_eq!(of(ErrorKind::Unsendable), Disposition::DeadLetter(Reason::Rejected));
            assert_eq!(of(ErrorKind::Transport), Disposition::Defer { counts: true });
        }
        // The word of an earlier attempt that may have been processed weighs more.
        let of = Disposition::of(Outcome::Ambiguous, Some(ErrorKind::Unsendable), None, false);
        assert_eq!(of, Disposition::DeadLetter(Reason::Ambiguous));
    }
}
