//! `Stack::build` returns an error for an invalid configuration.

use martello::Stack;

fn refused(stack: Stack) -> String {
    stack.build().unwrap_err().to_string()
}

#[test]
fn an_invalid_value_of_any_layer_fails_in_build_and_names_the_valid_range() {
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
    let invalid = refused(Stack::new().tracking(|tracking| tracking.header("track ing")));
    assert!(invalid.contains("header") && invalid.contains("track ing"), "{invalid}");
    let invalid = refused(Stack::new().log(|log| log.request_headers(["a b"])));
    assert!(invalid.contains("a b"), "{invalid}");
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
