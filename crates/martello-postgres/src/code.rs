//! States as they are stored: small numbers, which half of all indexes are about.

use martello_outbox::{State, StoreError};

use crate::fault::damaged;

pub(crate) const fn code(state: State) -> i16 {
    match state {
        State::Ready => 0,
        State::Leased => 1,
        State::Done => 2,
        State::Dead => 3,
        State::Cancelled => 4,
    }
}

pub(crate) fn state(number: i16) -> Result<State, StoreError> {
    State::ALL.iter().copied().find(|state| code(*state) == number).ok_or_else(|| damaged("state"))
}
