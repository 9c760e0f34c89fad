use std::borrow::Cow;

use martello_outbox::{
    Reason, State, StoreError,
    engine::{corrupt, micros, overtaken_code, state_code},
    store::{End, HoldChange, Settled, Settlement},
};
use serde::Serialize;
use uuid::Uuid;

use super::{clean, inputs::AttemptInput};
use crate::fence::Fence;

/// Settlements sorted by slot, because every turn locks slots in this order. The sort keeps the given order
/// within a slot.
pub(super) struct SlotOrdered<'a> {
    sorted: Vec<Indexed<'a>>,
}

struct Indexed<'a> {
    fence: Fence,
    /// The index in the given list.
    position: usize,
    settlement: &'a Settlement,
}

/// The server's answer for the settlement that was applied last to its entry.
const LAST: i16 = 1;
/// The server's answer for the settlement that was the last until this turn.
const LAST_BEFORE_TURN: i16 = 2;

impl<'a> SlotOrdered<'a> {
    pub(super) fn of(settlements: &'a [Settlement]) -> Self {
        let indexed = |(position, settlement): (usize, &'a Settlement)| Indexed {
            fence: Fence::of(&settlement.lease),
            position,
            settlement,
        };
        let mut sorted: Vec<_> = settlements.iter().enumerate().map(indexed).collect();
        sorted.sort_by_key(|indexed| indexed.fence.slot);
        Self { sorted }
    }

    pub(super) fn inputs(&self) -> Vec<SettlementInput<'a>> {
        self.sorted.iter().map(SettlementInput::from).collect()
    }

    /// The results in the given order.
    pub(super) fn answers(&self, states: &[i16]) -> Result<Vec<Settled>, StoreError> {
        if states.len() != self.sorted.len() {
            return Err(corrupt("answer"));
        }
        let answered = || self.sorted.iter().zip(states);
        let mut answers: Vec<_> = answered()
            .map(|(one, &is)| {
                // A repeated settlement counts unless a later claim of the entry was settled before it.
                let settled_earlier = |(other, &is): (&Indexed<'_>, &i16)| {
                    is == LAST && other.fence.seq == one.fence.seq && other.position < one.position
                };
                let applied = is == LAST || is == LAST_BEFORE_TURN && !answered().any(settled_earlier);
                (one.position, if applied { Settled::Applied } else { Settled::Fenced })
            })
            .collect();
        answers.sort_unstable_by_key(|(position, _)| *position);
        Ok(answers.into_iter().map(|(_, settled)| settled).collect())
    }
}

/// A row of the SQL type `settlement_input`.
#[derive(Serialize)]
pub(super) struct SettlementInput<'a> {
    slot: i32,
    seq: i64,
    fence: Uuid,
    id: Uuid,
    state: u8,
    reason: Option<&'static str>,
    wait: Option<i64>,
    tries: Option<i32>,
    attempt: Option<AttemptInput<'a>>,
    position: usize,
    overtakes: Option<u8>,
    answered: Option<bool>,
    hold_after: Option<u32>,
    hold_wait: Option<i64>,
    hold_why: Option<Cow<'a, str>>,
}

impl<'a> From<&Indexed<'a>> for SettlementInput<'a> {
    fn from(&Indexed { fence, position, settlement }: &Indexed<'a>) -> Self {
        let (state, reason, wait, tries) = match settlement.end {
            End::Done => (State::Done, None, None, Some(1)),
            End::Dead(reason) => (State::Dead, Some(Reason::as_str(reason)), None, Some(1)),
            End::Again { wait, counts } => (State::Ready, None, Some(micros(wait)), Some(i32::from(counts))),
            End::GiveBack => (State::Ready, None, None, None),
        };
        let attempt = settlement.attempt.as_ref().filter(|_| settlement.end != End::GiveBack);
        let (answered, hold_after, hold_wait, hold_why) = match &settlement.hold {
            HoldChange::Keep => (None, None, None, None),
            HoldChange::End => (Some(true), None, None, None),
            HoldChange::For { holds_in_row: after, wait, why } => {
                (Some(false), Some(*after), Some(micros(*wait)), Some(clean(why)))
            }
        };
        Self {
            slot: fence.slot,
            seq: fence.seq,
            fence: fence.token,
            id: Uuid::from_bytes(*settlement.lease.id.as_bytes()),
            state: state_code(state),
            reason,
            wait,
            tries,
            attempt: attempt.map(AttemptInput::from),
            position,
            overtakes: settlement.overtakes().map(overtaken_code),
            answered,
            hold_after,
            hold_wait,
            hold_why,
        }
    }
}
