//! What inner layers report to the record of a call.

use std::time::Duration;

use martello_outcome::CallNotes;

#[test]
fn clones_share_what_is_noted() {
    let notes = CallNotes::default();
    let mut request = http::Request::new(());
    request.extensions_mut().insert(notes.clone());
    let inside = CallNotes::of(request.extensions()).unwrap();
    inside.attempt(1);
    inside.waited_for_permit(Duration::from_millis(3));
    inside.waited_for_permit(Duration::from_millis(4));
    inside.waited_for_retry(Duration::from_millis(5));
    assert_eq!(notes.attempts(), 1);
    assert_eq!(notes.permit_wait(), Duration::from_millis(7));
    assert_eq!(notes.retry_wait(), Duration::from_millis(5));
}

#[test]
fn the_number_of_attempts_never_goes_back() {
    let notes = CallNotes::default();
    notes.attempt(3);
    notes.attempt(2);
    assert_eq!(notes.attempts(), 3);
}

#[test]
fn waits_that_are_too_long_to_add_up_stop_at_the_longest() {
    let notes = CallNotes::default();
    notes.waited_for_retry(Duration::MAX);
    notes.waited_for_retry(Duration::from_secs(1));
    notes.waited_for_permit(Duration::from_nanos(u64::MAX - 1));
    notes.waited_for_permit(Duration::from_secs(1));
    assert_eq!(notes.retry_wait(), Duration::from_nanos(u64::MAX));
    assert_eq!(notes.permit_wait(), Duration::from_nanos(u64::MAX));
}
