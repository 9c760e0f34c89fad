//! The reason of a layer that gives up, during the drop.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use martello_outcome::{Abandoned, ErrorKind, Outcome};

const LATE: Abandoned = Abandoned::new(ErrorKind::AttemptTimeout, Outcome::Ambiguous, "too late");
const STOPPED: Abandoned = Abandoned::cancelled(Outcome::Unsent, "stopped");

/// Writes down why it is dropped.
struct Asks<'a>(&'a mut Vec<Option<Abandoned>>);

impl Drop for Asks<'_> {
    fn drop(&mut self) {
        self.0.push(Abandoned::reason());
    }
}

#[test]
fn a_reason_is_there_while_something_is_dropped_and_no_longer() {
    let mut told = Vec::new();
    drop(Asks(&mut told));
    LATE.while_dropping(|| drop(Asks(&mut told)));
    drop(Asks(&mut told));
    assert_eq!(told, [None, Some(LATE), None]);
    assert_eq!((LATE.kind(), LATE.outcome()), (Some(ErrorKind::AttemptTimeout), Outcome::Ambiguous));
    assert_eq!((STOPPED.kind(), STOPPED.outcome(), STOPPED.message()), (None, Outcome::Unsent, "stopped"));
}

#[test]
fn the_reason_of_a_layer_further_out_is_there_again_after_that_of_one_inside() {
    let mut told = Vec::new();
    LATE.while_dropping(|| {
        STOPPED.while_dropping(|| drop(Asks(&mut told)));
        drop(Asks(&mut told));
    });
    assert_eq!(told, [Some(STOPPED), Some(LATE)]);
}

#[test]
fn a_panic_in_a_drop_leaves_no_reason_behind() {
    let panicked = catch_unwind(AssertUnwindSafe(|| LATE.while_dropping(|| panic!("a bug of the user's"))));
    assert!(panicked.is_err());
    assert_eq!(Abandoned::reason(), None);
}

#[test]
fn another_thread_knows_nothing_of_it() {
    let elsewhere = || thread::spawn(Abandoned::reason).join().unwrap();
    assert_eq!(LATE.while_dropping(elsewhere), None);
}
