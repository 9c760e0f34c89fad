//! What becomes of a request after an attempt: one rule for the door and for the worker.

use http::StatusCode;
use martello_outcome::{ErrorKind, Outcome};

use crate::Reason;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is over: the server has done it.
    Delivered,
    /// It is to be delivered again.
    Again {
        /// Whether that was one of its tries. What may pass without the request's fault, such as a token that
        /// has run out, is waited for until the request expires.
        counts: bool,
    },
    /// It must not go again.
    Dead(Reason),
}

impl Verdict {
    /// After an attempt that ended so; `kind` is that of its error, if it had one.
    pub(crate) fn of(
        outcome: Outcome,
        kind: Option<ErrorKind>,
        status: Option<StatusCode>,
        repeatable: bool,
    ) -> Self {
        match outcome {
            // The client will not have it, as a server would not: the same request would end the same.
            Outcome::Unsent if kind == Some(ErrorKind::Unsendable) => Self::Dead(Reason::Rejected),
            Outcome::Success => Self::Delivered,
            Outcome::Rejected => Self::Dead(Reason::Rejected),
            Outcome::Unsent => Self::Again { counts: true },
            _ if !repeatable && outcome.may_be_processed(status) => Self::Dead(Reason::Ambiguous),
            Outcome::Faulty => Self::Again { counts: false },
            _ => Self::Again { counts: true },
        }
    }

    /// This verdict on the last attempt of a call, which ended with `last`, as the verdict on the call. Their
    /// outcomes differ where that attempt was rejected for what an earlier one may have done: to send it
    /// again would end the same.
    pub(crate) fn of_call(self, last: Outcome, call: Outcome) -> Self {
        match call {
            same if same == last => self,
            Outcome::Success => Self::Delivered,
            _ => Self::Dead(Reason::Ambiguous),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_processed_goes_again_only_if_it_is_repeatable() {
        for (outcome, status, expected) in [
            (Outcome::Unavailable, Some(503), Verdict::Again { counts: true }),
            (Outcome::Unavailable, Some(502), Verdict::Dead(Reason::Ambiguous)),
            (Outcome::Unavailable, Some(504), Verdict::Dead(Reason::Ambiguous)),
            (Outcome::Faulty, Some(500), Verdict::Dead(Reason::Ambiguous)),
            (Outcome::Faulty, Some(401), Verdict::Again { counts: false }),
            (Outcome::Faulty, Some(429), Verdict::Again { counts: false }),
            (Outcome::Ambiguous, None, Verdict::Dead(Reason::Ambiguous)),
            // The head came and the body broke.
            (Outcome::Ambiguous, Some(200), Verdict::Dead(Reason::Ambiguous)),
            (Outcome::Unsent, None, Verdict::Again { counts: true }),
            (Outcome::Rejected, Some(422), Verdict::Dead(Reason::Rejected)),
            (Outcome::Success, Some(204), Verdict::Delivered),
        ] {
            let status = status.map(|status| StatusCode::from_u16(status).unwrap());
            assert_eq!(Verdict::of(outcome, None, status, false), expected, "{outcome} {status:?}");
            let dead = matches!(expected, Verdict::Dead(Reason::Ambiguous));
            let again = Verdict::Again { counts: outcome != Outcome::Faulty };
            assert_eq!(Verdict::of(outcome, None, status, true), if dead { again } else { expected });
        }
    }

    #[test]
    fn what_the_client_refuses_is_dead_and_what_else_was_not_sent_goes_again() {
        for repeatable in [true, false] {
            let of = |kind| Verdict::of(Outcome::Unsent, Some(kind), None, repeatable);
            assert_eq!(of(ErrorKind::Unsendable), Verdict::Dead(Reason::Rejected));
            assert_eq!(of(ErrorKind::Transport), Verdict::Again { counts: true });
        }
        // The word of an earlier attempt that may have been processed weighs more.
        let of = Verdict::of(Outcome::Ambiguous, Some(ErrorKind::Unsendable), None, false);
        assert_eq!(of, Verdict::Dead(Reason::Ambiguous));
    }
}
