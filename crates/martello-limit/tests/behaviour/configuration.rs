//! A value that exists is valid.

use std::time::Duration;

use martello_limit::{ConcurrencyLimitBuilder, ConcurrencyLimitLayer};

fn refused(set: impl FnOnce(ConcurrencyLimitBuilder) -> ConcurrencyLimitBuilder) -> String {
    set(ConcurrencyLimitLayer::builder()).build().unwrap_err().to_string()
}

fn accepted(set: impl FnOnce(ConcurrencyLimitBuilder) -> ConcurrencyLimitBuilder) -> bool {
    set(ConcurrencyLimitLayer::builder()).build().is_ok()
}

#[test]
fn values_out_of_range_name_the_field_and_the_range() {
    assert_eq!(refused(|limit| limit.permits(0)), "`permits` is 0, but must be 1 to 65,535");
    assert_eq!(refused(|limit| limit.permits(65_536)), "`permits` is 65536, but must be 1 to 65,535");
    assert_eq!(
        refused(|limit| limit.max_waiting(1_000_001)),
        "`max_waiting` is 1000001, but must be 0 to 1,000,000"
    );
    assert_eq!(refused(|limit| limit.max_wait(Duration::ZERO)), "`max_wait` is 0ns, but must be 1 ms to 1 h");
    assert!(refused(|limit| limit.max_wait(Duration::MAX)).ends_with("must be 1 ms to 1 h"));
    assert!(ConcurrencyLimitLayer::new(0).is_err());
}

#[test]
fn the_ends_of_the_ranges_are_in_them() {
    assert!(accepted(|limit| limit.permits(1)) && accepted(|limit| limit.permits(65_535)));
    assert!(accepted(|limit| limit.max_waiting(0)) && accepted(|limit| limit.max_waiting(1_000_000)));
    assert!(accepted(|limit| limit.max_wait(Duration::from_millis(1))));
    assert!(accepted(|limit| limit.max_wait(Duration::from_secs(3600))));
}

#[test]
fn the_default_has_five_permits() {
    assert_eq!(ConcurrencyLimitLayer::default().usage().permits, Some(5));
    assert_eq!(ConcurrencyLimitLayer::builder().build().unwrap().usage().permits, Some(5));
}
