//! States as they are stored: small numbers, which half of all indexes are about. And marks, which grow with certainty.

use martello_outbox::{Overtaken, State, StoreError};

use crate::fault::damaged;

pub(crate) const fn code(state: State) -> i64 {
    match state {
        State::Ready => 0,
        State::Leased => 1,
        State::Done => 2,
        State::Dead => 3,
        State::Cancelled => 4,
    }
}

pub(crate) fn state(number: i64) -> Result<State, StoreError> {
    State::ALL.iter().copied().find(|state| code(*state) == number).ok_or_else(|| damaged("state"))
}

pub(crate) const fn mark(overtaken: Overtaken) -> i64 {
    match overtaken {
        Overtaken::Possibly => 1,
        Overtaken::Certainly => 2,
    }
}

pub(crate) fn overtaken(number: i64) -> Result<Option<Overtaken>, StoreError> {
    match number {
        0 => Ok(None),
        1 => Ok(Some(Overtaken::Possibly)),
        2 => Ok(Some(Overtaken::Certainly)),
        _ => Err(damaged("mark")),
    }
}
