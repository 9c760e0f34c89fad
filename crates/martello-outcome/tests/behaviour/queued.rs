//! How an inner layer reports that the request waits.

use martello_outcome::Queued;

#[test]
fn only_the_caller_of_the_poll_sees_a_report() {
    assert_eq!(Queued::observe(|| 1), (1, false));
    assert_eq!(Queued::observe(Queued::report), ((), true));
    assert_eq!(Queued::observe(|| 2), (2, false));
}

#[test]
fn a_report_passes_on_to_every_layer_outside() {
    let (inner, outer) = Queued::observe(|| Queued::observe(Queued::report).1);
    assert!(inner && outer);
}

#[test]
fn what_was_reported_before_does_not_reach_a_poll_inside() {
    let (inside, outside) = Queued::observe(|| {
        Queued::report();
        Queued::observe(|| ()).1
    });
    assert!(!inside && outside);
}
