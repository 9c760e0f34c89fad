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
    let snapshot = layer.snapshot();
    assert_eq!((snapshot.permits, snapshot.in_flight), (Some(3), 3));
    assert_eq!((snapshot.unread, snapshot.oldest_unread), (2, Some(seconds(3))));
    assert_eq!((snapshot.waiting, snapshot.keys), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_body_ages_from_the_first_snapshot_that_saw_it() {
    let layer = ConcurrencyLimitLayer::default();
    let (service, mut api) = limited(&layer);
    assert_eq!(layer.snapshot().oldest_unread, None);
    let first = answered(&service, &mut api);
    tokio::time::advance(seconds(1)).await;
    assert_eq!(layer.snapshot().oldest_unread, Some(seconds(0)));
    tokio::time::advance(seconds(1)).await;
    let _second = answered(&service, &mut api);
    assert_eq!(layer.snapshot().oldest_unread, Some(seconds(1)));
    drop(first);
    assert_eq!(layer.snapshot().oldest_unread, Some(seconds(0)));
}

#[tokio::test(start_paused = true)]
async fn everything_returns_to_zero() {
    let layer = ConcurrencyLimitLayer::new(1).unwrap();
    let (service, mut api) = limited(&layer);
    let before = layer.snapshot();
    let unread = answered(&service, &mut api);
    let waits = waiting(&service);
    assert_ne!(layer.snapshot(), before);
    drop((unread, waits));
    assert_eq!(layer.snapshot(), before);
}
