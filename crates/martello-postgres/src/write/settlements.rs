use martello_outbox::{End, Hold, Lease, Reason, Settled, Settlement, State, StoreError};

use super::{attempts::Attempts, clean};
use crate::{
    code::{code, overtaken_code},
    fault::corrupt,
    fence::Fence,
    id::Id,
    statement::Statement,
    time::micros,
};

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

/// Settlements in the order of their slots, in which all lock these; those of one slot in the order in which they were
/// given.
pub(super) struct SlotOrdered<'a> {
    sorted: Vec<Indexed<'a>>,
}

struct Indexed<'a> {
    fence: Fence,
    /// Its position among those that were given.
    position: usize,
    settlement: &'a Settlement,
}

/// What the server says of a settlement: it is the last that was applied to its entry, or was until this turn.
const LAST: i16 = 1;
const BEFORE: i16 = 2;

impl<'a> SlotOrdered<'a> {
    pub(super) fn of(settlements: &'a [Settlement]) -> Self {
        let indexed = |(position, settlement): (usize, &'a Settlement)| {
            // Of a fence that is none, no lease is held.
            let fence = Fence::parse(&settlement.lease.fence).unwrap_or(Fence::NONE);
            Indexed { fence, position, settlement }
        };
        let mut sorted: Vec<_> = settlements.iter().enumerate().map(indexed).collect();
        sorted.sort_by_key(|indexed| indexed.fence.slot);
        Self { sorted }
    }

    pub(super) fn columns(&self) -> Settlements {
        Settlements::of(&self.sorted)
    }

    /// What came of each, in the order in which they were given.
    pub(super) fn answers(&self, said: &[i16]) -> Result<Vec<Settled>, StoreError> {
        if said.len() != self.sorted.len() {
            return Err(corrupt("answer"));
        }
        let said = || self.sorted.iter().zip(said);
        let mut answers: Vec<_> = said()
            .map(|(one, &is)| {
                // What is asked again counts unless a later claim of the entry was settled before it.
                let overtaken = |(other, &is): (&Indexed<'_>, &i16)| {
                    is == LAST && other.fence.seq == one.fence.seq && other.position < one.position
                };
                let applied = is == LAST || is == BEFORE && !said().any(overtaken);
                (one.position, if applied { Settled::Applied } else { Settled::Fenced })
            })
            .collect();
        answers.sort_unstable_by_key(|(position, _)| *position);
        Ok(answers.into_iter().map(|(_, settled)| settled).collect())
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
    /// In which order they were given.
    position: Vec<i32>,
    overtakes: Vec<Option<i16>>,
    /// Whether the API has answered; none if nothing is known of that.
    answered: Vec<Option<bool>>,
    /// After how many holds in a row it is to be held.
    hold_after: Vec<Option<i64>>,
    hold_wait: Vec<Option<i64>>,
    hold_why: Vec<Option<String>>,
}

impl Settlements {
    fn of(indexed: &[Indexed<'_>]) -> Self {
        let mut of = Self::default();
        for Indexed { position, settlement, .. } in indexed {
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
            of.position.push(i32::try_from(*position).unwrap_or(i32::MAX));
            of.overtakes.push(settlement.overtakes().map(overtaken_code));
            let (answered, after, wait, why) = match &settlement.hold {
                Hold::Keep => (None, None, None, None),
                Hold::End => (Some(true), None, None, None),
                Hold::For { after, wait, why } => {
                    (Some(false), Some(i64::from(*after)), Some(micros(*wait)), Some(clean(why).into_owned()))
                }
            };
            of.answered.push(answered);
            of.hold_after.push(after);
            of.hold_wait.push(wait);
            of.hold_why.push(why);
        }
        of
    }

    pub(super) fn bind(self, statement: Statement) -> Statement {
        let statement = self.leases.bind(statement);
        let statement = statement.bind(self.state).bind(self.reason).bind(self.wait).bind(self.tries);
        let statement = self.attempts.bind(statement.bind(self.attempted));
        let statement = statement.bind(self.position).bind(self.overtakes).bind(self.answered);
        statement.bind(self.hold_after).bind(self.hold_wait).bind(self.hold_why)
    }
}
