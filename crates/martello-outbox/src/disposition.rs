//! What becomes of a request after an attempt: one rule for the layer and for the worker.

use http::StatusCode;
use martello_outcome::{ErrorKind, Outcome};

use crate::Reason;

/// What to do with a request after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// The server has processed the request: the layer returns the response, and the worker's entry is done.
    Return,
    /// Send the request again later.
    Defer {
        /// Whether the attempt counts as a try. A failure that is not the request's fault, such as an expired
        /// token, does not: the request waits until it expires.
        counts: bool,
    },
    /// Do not send the request again.
    DeadLetter(Reason),
}

impl Disposition {
    /// The disposition after an attempt. `kind` is the kind of its error, if it ended with one.
    pub(crate) fn of(
        outcome: Outcome,
        kind: Option<ErrorKind>,
        status: Option<StatusCode>,
        repeatable: bool,
    ) -> Self {
        match outcome {
            // The client refuses the request, and would refuse it again.
            Outcome::Unsent if kind == Some(ErrorKind::Unsendable) => Self::DeadLetter(Reason::Rejected),
            Outcome::Success => Self::Return,
            Outcome::Rejected => Self::DeadLetter(Reason::Rejected),
            Outcome::Unsent => Self::Defer { counts: true },
            _ if !repeatable && outcome.may_be_processed(status) => Self::DeadLetter(Reason::Ambiguous),
            Outcome::Faulty => Self::Defer { counts: false },
            _ => Self::Defer { counts: true },
        }
    }

    /// Turns the disposition after the last attempt into that of all attempts together: those of a call, or
    /// those at an entry.
    ///
    /// The outcomes of the two differ if the last attempt was rejected because an earlier one may have been
    /// processed. Another attempt would be rejected too.
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
    fn a_request_that_may_have_been_processed_is_sent_again_only_if_it_is_repeatable() {
        for (outcome, status, expected) in [
            (Outcome::Unavailable, Some(503), Disposition::Defer { counts: true }),
            (Outcome::Unavailable, Some(502), Disposition::DeadLetter(Reason::Ambiguous)),
            (Outcome::Unavailable, Some(504), Disposition::DeadLetter(Reason::Ambiguous)),
            (Outcome::Faulty, Some(500), Disposition::DeadLetter(Reason::Ambiguous)),
            (Outcome::Faulty, Some(401), Disposition::Defer { counts: false }),
            (Outcome::Faulty, Some(429), Disposition::Defer { counts: false }),
            (Outcome::Ambiguous, None, Disposition::DeadLetter(Reason::Ambiguous)),
            // The response's head arrived, and its body failed.
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
    fn a_request_that_the_client_refuses_is_a_dead_letter_and_other_unsent_ones_are_sent_again() {
        for repeatable in [true, false] {
            let of = |kind| Disposition::of(Outcome::Unsent, Some(kind), None, repeatable);
            assert_eq!(of(ErrorKind::Unsendable), Disposition::DeadLetter(Reason::Rejected));
            assert_eq!(of(ErrorKind::Transport), Disposition::Defer { counts: true });
        }
        // An earlier attempt may have been processed, which takes precedence.
        let of = Disposition::of(Outcome::Ambiguous, Some(ErrorKind::Unsendable), None, false);
        assert_eq!(of, Disposition::DeadLetter(Reason::Ambiguous));
    }
}
