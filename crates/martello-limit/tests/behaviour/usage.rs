//! Snapshots for dashboards.

use martello_limit::ConcurrencyLimitLayer;

use crate::support::{answered, get, limited, seconds, waiting};

#[tokio::test(start_paused = true)]
async fn it_counts_held_permits_and_waiting_requests() {
    let layer = ConcurrencyLimitLayer::new(3).unwrap();
    let (service, mut api) = limited(&layer);
    let _unread = [answered(&service, &mut api), answered(&service, &mut api)];
    let _under_way = get(&service);
    let _waits = [waiting(&service), waiting(&service)];
    tokio::time::advance(seconds(3)).await;
    let usage = layer.usage();
    assert_eq!((usage.permits, usage.in_flight), (Some(3), 3));
    assert_eq!((usage.open_bodies, usage.oldest_open_body), (2, Some(seconds(3))));
    assert_eq!((usage.waiting, usage.keys), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_body_ages_from_the_first_usage_report_that_counted_it() {
    let layer = ConcurrencyLimitLayer::default();
    let (service, mut api) = limited(&layer);
    assert_eq!(layer.usage().oldest_open_body, None);
    let first = answered(&service, &mut api);
    tokio::time::advance(seconds(1)).await;
    assert_eq!(layer.usage().oldest_open_body, Some(seconds(0)));
    tokio::time::advance(seconds(1)).await;
    let _second = answered(&service, &mut api);
    assert_eq!(layer.usage().oldest_open_body, Some(seconds(1)));
    drop(first);
    assert_eq!(layer.usage().oldest_open_body, Some(seconds(0)));
}

#[tokio::test(start_paused = true)]
async fn everything_returns_to_zero() {
    let layer = ConcurrencyLimitLayer::new(1).unwrap();
    let (service, mut api) = limited(&layer);
    let before = layer.usage();
    let unread = answered(&service, &mut api);
    let waits = waiting(&service);
    assert_ne!(layer.usage(), before);
    drop((unread, waits));
    assert_eq!(layer.usage(), before);
}
