//! How long a call waits between its attempts.

use std::time::{Duration, SystemTime};

use crate::support::{Answer, Script, request, seconds};
use martello_outcome::{Attempts, CallOptions, ErrorKind};
use martello_retry::{Budget, RetryLayer};
use tokio::{task::JoinSet, time::Instant};
use tower::{Layer, ServiceExt};

/// The waits of one call that gets only 503.
async fn waits(layer: &RetryLayer) -> Vec<Duration> {
    let script = Script::statuses([503; 100]);
    let response = layer.layer(script).oneshot(request("PUT")).await.unwrap();
    Attempts::of(&response).unwrap().iter().skip(1).map(|attempt| attempt.waited).collect()
}

#[tokio::test(start_paused = true)]
async fn backoff_doubles_up_to_its_cap() {
    let layer = RetryLayer::builder()
        .attempts(6)
        .backoff(Duration::from_millis(100), Duration::from_millis(500))
        .jitter(0.0)
        .build()
        .unwrap();
    let start = Instant::now();
    let waits = waits(&layer).await;
    assert_eq!(waits, [100, 200, 400, 500, 500].map(Duration::from_millis));
    assert_eq!(start.elapsed(), waits.iter().sum());
}

#[tokio::test(start_paused = true)]
async fn backoff_saturates_at_the_maximum_of_attempts() {
    let layer = RetryLayer::builder()
        .attempts(100)
        .backoff(seconds(3_600), seconds(3_600))
        .jitter(0.0)
        .deadline(None)
        .budget(Budget::new(0.1, 100, 100).unwrap())
        .build()
        .unwrap();
    assert_eq!(waits(&layer).await, vec![seconds(3_600); 99]);
}

#[tokio::test(start_paused = true)]
async fn full_jitter_spreads_over_the_whole_wait_in_fractions_of_a_second() {
    let layer = RetryLayer::builder()
        .attempts(100)
        .backoff(seconds(10), seconds(10))
        .seed(7)
        .deadline(None)
        .budget(Budget::new(0.1, 100, 100).unwrap())
        .build()
        .unwrap();
    let waits = waits(&layer).await;
    assert!(waits.iter().all(|wait| *wait <= seconds(10)));
    for tenth in 0..10 {
        let range = seconds(tenth)..seconds(tenth + 1);
        assert!(waits.iter().any(|wait| range.contains(wait)), "no wait within {range:?} of {waits:?}");
    }
    assert!(waits.iter().filter(|wait| wait.subsec_nanos() == 0).count() < 2, "whole seconds are no jitter");
}

#[tokio::test(start_paused = true)]
async fn clones_of_a_layer_and_other_layers_draw_different_waits() {
    let layer = RetryLayer::default();
    let drawn = [waits(&layer).await, waits(&layer.clone()).await, waits(&RetryLayer::default()).await];
    assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2], "{drawn:?}");
}

#[tokio::test(start_paused = true)]
async fn a_seed_makes_a_run_repeatable() {
    let seeded = || RetryLayer::builder().seed(42).build().unwrap();
    assert_eq!(waits(&seeded()).await, waits(&seeded()).await);
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_a_builder_keeps_backoff_jitter_and_seed() {
    let seeded = RetryLayer::builder()
        .attempts(6)
        .backoff(seconds(3), seconds(30))
        .jitter(0.25)
        .seed(42)
        .budget(Budget::new(0.1, 100, 100).unwrap());
    let clone = seeded.clone();
    let [of_a_clone, steady] = [clone.clone(), clone.jitter(0.0)].map(|retry| retry.build().unwrap());
    let (drawn, full) = (waits(&of_a_clone).await, [3, 6, 12, 24, 30].map(seconds));
    assert_eq!(waits(&steady).await, full);
    assert_eq!(drawn.len(), full.len());
    for (drawn, full) in drawn.iter().zip(full) {
        assert!(full.mul_f64(0.75) <= *drawn && *drawn < full, "{drawn:?} of {full:?}");
    }
    assert_eq!(waits(&seeded.build().unwrap()).await, drawn, "each draws from the start");
}

#[tokio::test(start_paused = true)]
async fn clones_of_a_builder_without_a_seed_draw_different_waits() {
    let builder = RetryLayer::builder();
    let [one, two, three] = [builder.clone(), builder.clone(), builder].map(|retry| retry.build().unwrap());
    let drawn = [waits(&one).await, waits(&two).await, waits(&three).await];
    assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2], "{drawn:?}");
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_the_greater_of_backoff_and_retry_after() {
    for (asked, expected) in [("3", 3), ("1", 2), ("0", 2), ("soon", 2), ("-1", 2)] {
        let layer = RetryLayer::builder().backoff(seconds(2), seconds(2)).jitter(0.0).build().unwrap();
        let script = Script::new([Answer::status(503).header("retry-after", asked)]);
        let start = Instant::now();
        let response = layer.layer(script.clone()).oneshot(request("PUT")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(start.elapsed(), seconds(expected), "Retry-After: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_with_the_same_retry_after_retry_at_different_times_and_none_before_it() {
    let layer = RetryLayer::builder().budget(Budget::new(1.0, 100, 100).unwrap()).build().unwrap();
    for asked in [1, 10, 60] {
        let mut calls = JoinSet::new();
        for _ in 0..40 {
            let script = Script::new([Answer::status(503).header("retry-after", &asked.to_string())]);
            let service = layer.layer(script);
            calls.spawn(async move {
                let start = Instant::now();
                service.oneshot(request("PUT")).await.unwrap();
                start.elapsed()
            });
        }
        let mut waits = calls.join_all().await;
        waits.sort_unstable();
        let (first, last) = (waits[0], waits[39]);
        let (asked, spread) = (seconds(asked), seconds(asked).div_f64(2.0).min(seconds(10)));
        assert!(first >= asked, "{first:?}");
        assert!(last <= asked + spread, "{last:?}");
        assert!(last - first > spread.div_f64(2.0), "{first:?} to {last:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn jitter_of_retry_after_does_not_pass_the_deadline() {
    let builder = RetryLayer::builder().deadline(Duration::from_millis(1_100));
    let layer = builder.budget(Budget::new(1.0, 100, 100).unwrap()).build().unwrap();
    for _ in 0..40 {
        let script = Script::new([Answer::status(503).header("retry-after", "1")]);
        let start = Instant::now();
        let response = layer.layer(script).oneshot(request("PUT")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(start.elapsed() <= Duration::from_millis(1_050), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_in_retry_after_is_measured_against_the_responses_own_date() {
    // The server's clock is a year behind, or a proxy has replaced the date: only the difference counts.
    let layer = RetryLayer::builder().jitter(0.0).build().unwrap();
    let script = Script::new([Answer::status(503)
        .header("date", "Sun, 06 Nov 1994 08:49:37 GMT")
        .header("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]);
    let start = Instant::now();
    layer.layer(script).oneshot(request("PUT")).await.unwrap();
    assert_eq!(start.elapsed(), seconds(10));
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_the_cap_returns_the_response() {
    let far = httpdate_of(SystemTime::now() + seconds(1_000_000));
    for asked in ["61", "99999999999999999999", &far] {
        let script = Script::new([Answer::status(503).header("retry-after", asked)]);
        let start = Instant::now();
        let response = RetryLayer::default().layer(script.clone()).oneshot(request("PUT")).await.unwrap();
        assert_eq!((response.status().as_u16(), script.attempts()), (503, 1), "Retry-After: {asked}");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_would_pass_the_deadline_is_not_begun() {
    let layer = RetryLayer::builder().deadline(seconds(5)).build().unwrap();
    let answer = || Answer::status(503).header("retry-after", "5");
    let script = Script::new([answer()]);
    let start = Instant::now();
    let response = layer.layer(script.clone()).oneshot(request("PUT")).await.unwrap();
    assert_eq!((response.status().as_u16(), script.attempts(), start.elapsed()), (503, 1, Duration::ZERO));

    // After a fault there is no response to return: the error names the deadline.
    let layer = RetryLayer::builder()
        .backoff(seconds(5), seconds(5))
        .jitter(0.0)
        .deadline(seconds(5))
        .build()
        .unwrap();
    let script = Script::new([Answer::fault(std::io::ErrorKind::ConnectionReset)]);
    let error = layer.layer(script).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Deadline, 1));
    assert_eq!(
        error.to_string(),
        "the attempt failed, and was not retried because the next attempt would begin after the deadline"
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test(start_paused = true)]
async fn one_request_can_have_another_deadline() {
    let mut request = request("PUT");
    request.extensions_mut().insert(CallOptions::new().deadline(seconds(300)));
    let layer = RetryLayer::builder().jitter(0.0).retry_after_cap(seconds(300)).build().unwrap();
    let script = Script::new([Answer::status(503).header("retry-after", "200")]);
    let start = Instant::now();
    let response = layer.layer(script).oneshot(request).await.unwrap();
    assert_eq!((response.status().as_u16(), start.elapsed()), (200, seconds(200)));
}

/// This runtime has no timer, so that a wait with a timer would panic.
#[test]
fn a_zero_wait_needs_no_timer() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let layer = RetryLayer::builder()
        .decide(|_| martello_retry::Decision::Retry { wait: Duration::ZERO })
        .build()
        .unwrap();
    let script = Script::statuses([503, 503, 503]);
    let response = runtime.block_on(layer.layer(script.clone()).oneshot(request("PUT"))).unwrap();
    assert_eq!((response.status().as_u16(), script.attempts()), (200, 4));
}

fn httpdate_of(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}
