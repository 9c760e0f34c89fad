use super::corrupt;
use crate::{Overtaken, State, StoreError};

/// The stored number of a state. Indexes on states stay small because it is one byte.
///
/// ```
/// use martello_outbox::{State, engine::{state_code, state_from_code}};
///
/// assert_eq!(state_code(State::Dead), 3);
/// assert_eq!(state_from_code(3)?, State::Dead);
/// # Ok::<_, martello_outbox::StoreError>(())
/// ```
#[must_use]
pub const fn state_code(state: State) -> u8 {
    match state {
        State::Ready => 0,
        State::Leased => 1,
        State::Done => 2,
        State::Dead => 3,
        State::Cancelled => 4,
    }
}

/// The state with this stored number.
///
/// # Errors
///
/// [`corrupt`], when no state has it.
pub fn state_from_code(code: i64) -> Result<State, StoreError> {
    let mut states = State::ALL.iter().copied();
    states.find(|state| i64::from(state_code(*state)) == code).ok_or_else(|| corrupt("state"))
}

/// The stored number of an overtaken mark: the more certain, the greater. An entry without a mark has 0 or
/// NULL.
#[must_use]
pub const fn overtaken_code(overtaken: Overtaken) -> u8 {
    match overtaken {
        Overtaken::Possibly => 1,
        Overtaken::Certainly => 2,
    }
}

/// The overtaken mark with this stored number; `None` for 0.
///
/// # Errors
///
/// [`corrupt`], when no mark has it.
pub fn overtaken_from_code(code: i64) -> Result<Option<Overtaken>, StoreError> {
    match code {
        0 => Ok(None),
        1 => Ok(Some(Overtaken::Possibly)),
        2 => Ok(Some(Overtaken::Certainly)),
        _ => Err(corrupt("overtaken mark")),
    }
}
