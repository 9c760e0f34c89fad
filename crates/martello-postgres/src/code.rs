//! States and marks as they are stored: small numbers. Half of all indexes are about states.

use martello_outbox::{Overtaken, State, StoreError};

use crate::fault::corrupt;

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
    State::ALL.iter().copied().find(|state| code(*state) == number).ok_or_else(|| corrupt("state"))
}

pub(crate) const fn overtaken_code(overtaken: Overtaken) -> i16 {
    match overtaken {
        Overtaken::Possibly => 1,
        Overtaken::Certainly => 2,
    }
}

pub(crate) fn overtaken(number: i16) -> Result<Overtaken, StoreError> {
    let all = [Overtaken::Possibly, Overtaken::Certainly];
    all.into_iter().find(|overtaken| overtaken_code(*overtaken) == number).ok_or_else(|| corrupt("mark"))
}
