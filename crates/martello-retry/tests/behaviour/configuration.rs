//! What a builder refuses.

use std::time::Duration;

use martello_retry::{RetryBuilder, RetryLayer};
use tower::{Layer, ServiceExt};

use crate::support::{Script, request};

fn refused(configure: impl FnOnce(RetryBuilder) -> RetryBuilder) -> String {
    configure(RetryLayer::builder()).build().unwrap_err().to_string()
}

#[test]
fn the_error_names_the_field_the_value_and_the_range() {
    let ms = Duration::from_millis;
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    for (error, expected) in [
        (refused(|retry| retry.attempts(0)), "`attempts` is 0, but must be 1 to 100"),
        (refused(|retry| retry.attempts(101)), "`attempts` is 101, but must be 1 to 100"),
        (refused(|retry| retry.jitter(f64::NAN)), "`jitter` is NaN, but must be 0.0 to 1.0"),
        (refused(|retry| retry.jitter(-0.1)), "`jitter` is -0.1, but must be 0.0 to 1.0"),
        (refused(|retry| retry.jitter(1.1)), "`jitter` is 1.1, but must be 0.0 to 1.0"),
        (refused(|retry| retry.backoff(ms(0), ms(1))), "`backoff base` is 0ns, but must be 1 ms to 1 h"),
        (
            refused(|retry| retry.backoff(ms(2), ms(1))),
            "`backoff cap` is 1ms, but must be from the base to 1 h",
        ),
        (
            refused(|retry| retry.backoff(ms(2), hours(2))),
            "`backoff cap` is 7200s, but must be from the base to 1 h",
        ),
        (refused(|retry| retry.unavailable([])), "`unavailable` is empty, but must be at least one status"),
        (
            refused(|retry| retry.unavailable([503, 200])),
            "`unavailable` is 200, but must be statuses from 400 to 599",
        ),
        (refused(|retry| retry.attempt_timeout(ms(0))), "`attempt timeout` is 0ns, but must be 1 ms to 1 h"),
        (refused(|retry| retry.idle_timeout(hours(2))), "`idle timeout` is 7200s, but must be 1 ms to 1 h"),
        (refused(|retry| retry.deadline(hours(25))), "`deadline` is 90000s, but must be 1 ms to 24 h"),
        (
            refused(|retry| retry.retry_after_cap(hours(25))),
            "`retry-after cap` is 90000s, but must be at most 24 h",
        ),
        (refused(|retry| retry.replay_cap(65 << 20)), "`replay cap` is 68157440, but must be at most 64 MiB"),
        (refused(|retry| retry.drain(1, hours(1))), "`drain time` is 3600s, but must be at most 1 min"),
        (refused(|retry| retry.whole_responses(0)), "`whole responses` is 0, but must be 1 byte to 1 GiB"),
    ] {
        assert_eq!(error, expected);
    }
}

#[test]
fn the_ends_of_each_range_are_allowed() {
    let hour = Duration::from_secs(3_600);
    let least = RetryLayer::builder()
        .attempts(1)
        .backoff(Duration::from_millis(1), Duration::from_millis(1))
        .jitter(0.0)
        .retry_after_cap(Duration::ZERO)
        .attempt_timeout(Duration::from_millis(1))
        .idle_timeout(None)
        .deadline(None)
        .replay_cap(0)
        .drain(0, Duration::ZERO)
        .whole_responses(1);
    least.build().unwrap();
    let most = RetryLayer::builder().attempts(100).backoff(hour, hour).jitter(1.0).deadline(24 * hour);
    most.retry_after_cap(24 * hour).attempt_timeout(hour).idle_timeout(hour).build().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_a_builder_shares_its_budget() {
    let builder = RetryLayer::builder();
    let (one, other) = (builder.clone().build().unwrap(), builder.attempts(2).build().unwrap());
    one.layer(Script::statuses([503; 9])).oneshot(request("PUT")).await.unwrap();
    assert_eq!(other.budget().tokens(), 7.0);
}
