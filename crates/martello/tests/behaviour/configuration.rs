//! What a stack refuses to be built with.

use martello::Stack;

fn refused(stack: Stack) -> String {
    stack.build().unwrap_err().to_string()
}

#[test]
fn a_wrong_value_of_any_part_fails_in_build_and_says_what_to_do() {
    for (stack, expected) in [
        (Stack::new().retry(|retry| retry.attempts(0)), "`attempts` is 0, but must be 1 to 100"),
        (Stack::new().retry(|retry| retry.jitter(f64::NAN)), "`jitter` is NaN, but must be 0.0 to 1.0"),
        (
            Stack::new().retry(|retry| retry.unavailable([])),
            "`unavailable` is empty, but must be at least one status",
        ),
    ] {
        assert_eq!(refused(stack), expected);
    }
    let no_name = refused(Stack::new().tracking(|tracking| tracking.header("track ing")));
    assert!(no_name.contains("header") && no_name.contains("track ing"), "{no_name}");
    let no_name = refused(Stack::new().log(|log| log.request_headers(["a b"])));
    assert!(no_name.contains("a b"), "{no_name}");
}

#[test]
fn a_builder_that_was_switched_off_can_be_switched_on_again() {
    Stack::new()
        .without_log()
        .log(|log| log)
        .without_tracking()
        .tracking(|tracking| tracking)
        .build()
        .unwrap();
}
