//! A value of the layer owns the permits.

use martello_limit::ConcurrencyLimitLayer;
use tokio_test::{assert_pending, assert_ready_ok};

use crate::support::{answered, get, limited, unread, waiting};

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_its_permits_over_different_clients() {
    let five = ConcurrencyLimitLayer::default();
    let clones = [five.clone(), five.clone()];
    let [(orders, mut orders_api), (plans, mut plans_api)] = clones.map(|layer| limited(&layer));
    let three: Vec<_> = (0..3).map(|_| answered(&orders, &mut orders_api)).collect();
    let _two: Vec<_> = (0..2).map(|_| answered(&plans, &mut plans_api)).collect();

    let mut order = waiting(&orders);
    let mut plan = waiting(&plans);
    assert_eq!((five.usage().in_flight, five.usage().waiting), (5, 2));
    drop(three);
    assert_pending!(plan.poll());
    assert_pending!(order.poll());
    orders_api.answer(unread());
    plans_api.answer(unread());
    assert_ready_ok!(order.poll());
    assert_ready_ok!(plan.poll());
}

#[tokio::test(start_paused = true)]
async fn another_layer_has_permits_of_its_own() {
    let (one, mut api) = limited(&ConcurrencyLimitLayer::new(1).unwrap());
    let (other, mut other_api) = limited(&ConcurrencyLimitLayer::new(1).unwrap());
    let _held = answered(&one, &mut api);
    answered(&other, &mut other_api);
}

#[tokio::test(start_paused = true)]
async fn an_unlimited_layer_passes_every_request() {
    let layer = ConcurrencyLimitLayer::unlimited();
    let (service, mut api) = limited(&layer);
    let _answered: Vec<_> = (0..30).map(|_| answered(&service, &mut api)).collect();
    let _under_way: Vec<_> = (0..30).map(|_| get(&service)).collect();
    assert_eq!((layer.usage().permits, layer.usage().in_flight), (None, 0));
}
