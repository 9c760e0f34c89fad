use std::{collections::BTreeMap, time::Duration};

use martello_planner::{Faults, Planner};

use crate::support::Http;

fn only(set: impl FnOnce(&mut Faults)) -> Faults {
    let mut faults = Faults::none();
    set(&mut faults);
    faults
}

#[tokio::test]
async fn each_fault_does_the_work_or_not_and_answers_or_not() {
    for (faults, status, performed) in [
        (only(|faults| faults.unavailable = 1.0), 503, false),
        (only(|faults| faults.late = 1.0), 504, true),
        (only(|faults| faults.reset = 1.0), 0, true),
        (only(|faults| faults.lost = 1.0), 0, false),
        (only(|faults| faults.slow = 1.0), 201, true),
        (only(|faults| faults.cut = 1.0), 0, true),
    ] {
        let planner = Planner::builder().faults(faults).start().await.unwrap();
        let (got, _, _) = Http::new(&planner).put("/orders/a", &[], "an order").await;
        assert_eq!((got, planner.entity("/orders/a").is_some()), (status, performed), "{faults:?}");
        let exchange = planner.exchanges().remove(0);
        assert_eq!((exchange.performed, planner.receipts("/orders/a")), (performed, 1));
    }
}

#[tokio::test]
async fn an_outage_begins_at_a_request_and_ends_with_its_repair() {
    let planner = Planner::start().await.unwrap();
    let http = Http::new(&planner);
    planner.break_down_at(3);
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(http.put("/orders/a", &[], "1").await.0);
    }
    planner.repair();
    statuses.push(http.put("/orders/a", &[], "1").await.0);
    planner.break_down();
    statuses.push(http.get("/orders/a").await.0);
    assert_eq!(statuses, [201, 200, 503, 503, 200, 503]);
}

#[tokio::test]
async fn a_seed_repeats_a_day_and_every_answer_is_in_the_log_under_its_name() {
    let mut days = Vec::new();
    for _ in 0..2 {
        let planner = Planner::builder().seed(11).faults(Faults::bad_network()).start().await.unwrap();
        let http = Http::new(&planner);
        let mut answered = BTreeMap::new();
        for order in 0..150 {
            let (status, headers, _) = http.put(&format!("/orders/{order}"), &[], "1").await;
            if let Some(id) = headers.get("trackingid").filter(|_| status > 0) {
                answered.insert(id.to_str().unwrap().to_owned(), Some(status));
            }
        }
        let log = planner.exchanges();
        let of = |id: &String| log.iter().find(|exchange| exchange.tracking_id == *id).unwrap().status;
        assert!(answered.iter().all(|(id, status)| of(id) == *status));
        assert!(log.iter().any(|exchange| exchange.status == Some(503)));
        assert!(log.iter().any(|exchange| exchange.status.is_none()));
        days.push(log);
    }
    assert_eq!(days[0], days[1]);
}

#[tokio::test]
async fn its_clock_is_its_own() {
    let hour = Duration::from_secs(3_600);
    let ahead = Planner::builder().clock_ahead(hour).start().await.unwrap();
    let behind = Planner::builder().clock_behind(hour).start().await.unwrap();
    let apart = ahead.now().duration_since(behind.now()).unwrap();
    assert!((hour * 2).abs_diff(apart) < Duration::from_secs(60), "{apart:?}");
    let date = async |planner| Http::new(planner).get("/orders/a").await.1["date"].clone();
    assert_ne!(date(&ahead).await, date(&behind).await);
}

#[tokio::test]
async fn what_is_in_flight_is_counted() {
    let planner = Planner::builder().latency(Duration::from_millis(50)).start().await.unwrap();
    let http = Http::new(&planner);
    let put = |path: &'static str| http.put(path, &[], "1");
    tokio::join!(put("/orders/a"), put("/orders/b"), put("/orders/c"));
    assert_eq!(planner.most_in_flight(), 3);
}
