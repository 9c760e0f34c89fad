use crate::{Change, Check, Filter, Purge, State, StoreError, StoreErrorKind};

/// Checks the limit of [`Store::list`](crate::Store::list): 1 to 1,000.
///
/// # Errors
///
/// [`StoreErrorKind::Invalid`], when it is out of range.
pub fn check_list_limit(limit: usize) -> Result<(), StoreError> {
    if (1..=1_000).contains(&limit) {
        return Ok(());
    }
    let message = format!("invalid list limit {limit}: give a number from 1 to 1,000");
    Err(StoreError::new(StoreErrorKind::Invalid, message))
}

/// Checks the cap of a [`Turn`](crate::store::Turn): 1 or more.
///
/// # Errors
///
/// [`StoreErrorKind::Invalid`], when it is 0.
pub fn check_cap(cap: usize) -> Result<(), StoreError> {
    if cap > 0 {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::Invalid, "invalid cap 0: give 1 or more"))
}

/// Checks the rate of [`Store::replay`](crate::Store::replay): 0.001 to 10,000 entries per second.
///
/// # Errors
///
/// [`StoreErrorKind::Invalid`], when it is out of range.
pub fn check_replay_rate(per_second: f64) -> Result<(), StoreError> {
    if (0.001..=10_000.0).contains(&per_second) {
        return Ok(());
    }
    let message = format!("invalid replay rate {per_second}: give 0.001 to 10,000 entries per second");
    Err(StoreError::new(StoreErrorKind::Invalid, message))
}

/// The filter of the dead letters that a purge deletes.
///
/// # Errors
///
/// [`StoreErrorKind::Invalid`], when the purge has a filter without a condition.
pub fn purge_filter(purge: &Purge) -> Result<Filter, StoreError> {
    match purge {
        Purge::All => Ok(Filter::state(State::Dead)),
        Purge::Matching(filter) if filter.is_open() => {
            let message = "the filter of the purge has no condition: add one, or purge all dead letters";
            Err(StoreError::new(StoreErrorKind::Invalid, message))
        }
        Purge::Matching(filter) => Ok(Filter { state: Some(State::Dead), ..filter.clone() }),
    }
}

/// The state that an entry must have for this change.
#[must_use]
pub fn required_state(change: &Change) -> State {
    match change {
        Change::Cancel | Change::DeadLetter => State::Ready,
        Change::Replay(_) | Change::Edit { .. } | Change::Protect | Change::Unprotect => State::Dead,
    }
}

/// Reports how many leases have expired.
#[must_use]
pub fn expired_leases(expired: u64) -> Check {
    let seen = match expired {
        0 => return Check::passed("leases", "no lease has expired"),
        1 => "1 lease has expired".to_owned(),
        _ => format!("{expired} leases have expired"),
    };
    let next = "a worker takes expired leases back at its next turn, so check that one runs";
    Check::failed("leases", format!("{seen}: {next}"))
}
