use std::time::Duration;

use martello_planner::{Faults, Planner};

use crate::sync::{SyncFixture, run, sorted, within};

/// `MARTELLO_TEST_ORDERS` says how many.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn poll_returns_the_orders_that_upsert_wrote_over_a_bad_network() {
    let count = std::env::var("MARTELLO_TEST_ORDERS").map_or(300, |count| count.parse().unwrap());
    let planner =
        Planner::builder().seed(11).faults(Faults::bad_network()).plan_orders(Duration::from_secs(1));
    let sync = SyncFixture::of(planner).await;
    let orders = sync.orders(count);
    let ran = run(sync.upsert(&["--report", "out.ndjson", "--attempts", "12"]));
    assert_eq!(ran.code, 0, "{ran:?}");
    within(async || sync.planner.released() == usize::try_from(count).unwrap()).await;
    let ran = run(sync.poll(&["--once", "--print", "order", "--attempts", "12"]));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(sorted(&ran.stdout), sorted(&orders));
}
