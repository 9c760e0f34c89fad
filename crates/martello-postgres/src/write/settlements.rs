use crate::id::Id;
use martello_outbox::{End, Lease, Reason, Settlement, State};

use super::attempts::Attempts;
use crate::{code::code, fence::Fence, statement::Statement, time::micros};

/// Leases as columns.
#[derive(Default)]
pub(super) struct Leases {
    slot: Vec<i32>,
    seq: Vec<i64>,
    token: Vec<Id>,
    id: Vec<Id>,
}

impl Leases {
    pub(super) fn push(&mut self, lease: &Lease) {
        // Of a fence that is none, no lease is held.
        let fence = Fence::parse(&lease.fence).unwrap_or(Fence::NONE);
        self.slot.push(fence.slot);
        self.seq.push(fence.seq);
        self.token.push(Id(fence.token.into_bytes()));
        self.id.push(Id(*lease.id.as_bytes()));
    }

    pub(super) fn bind(self, statement: Statement) -> Statement {
        statement.bind(self.slot).bind(self.seq).bind(self.token).bind(self.id)
    }
}

/// Settlements as columns.
#[derive(Default)]
pub(super) struct Settlements {
    leases: Leases,
    state: Vec<i16>,
    reason: Vec<Option<&'static str>>,
    wait: Vec<Option<i64>>,
    /// How many tries it counts; none if it was not sent.
    tries: Vec<Option<i32>>,
    attempted: Vec<bool>,
    attempts: Attempts,
}

impl Settlements {
    pub(super) fn of<'a>(settlements: impl IntoIterator<Item = &'a Settlement>) -> Self {
        let mut of = Self::default();
        for settlement in settlements {
            let attempt = settlement.attempt.as_ref().filter(|_| settlement.end != End::GiveBack);
            let (state, reason, wait, tries) = match settlement.end {
                End::Done => (State::Done, None, None, Some(1)),
                End::Dead(reason) => (State::Dead, Some(Reason::as_str(reason)), None, Some(1)),
                End::Again { after, counts } => {
                    (State::Ready, None, Some(micros(after)), Some(i32::from(counts)))
                }
                End::GiveBack => (State::Ready, None, None, None),
            };
            of.leases.push(&settlement.lease);
            of.state.push(code(state));
            of.reason.push(reason);
            of.wait.push(wait);
            of.tries.push(tries);
            of.attempted.push(attempt.is_some());
            of.attempts.push(attempt);
        }
        of
    }

    pub(super) fn bind(self, statement: Statement) -> Statement {
        let statement = self.leases.bind(statement);
        let statement = statement.bind(self.state).bind(self.reason).bind(self.wait).bind(self.tries);
        self.attempts.bind(statement.bind(self.attempted))
    }
}
