use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use martello_planner::{Envelope, Planner, Planning};

use crate::support::Http;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_732_874_400 + seconds)
}

const LIST: &str = "/planning/v1/plannings";
const SINCE: &str = "released_since=2024-11-29T10:00:00.000Z";

/// The ids of a page, and the value of a cursor in it.
fn ids(page: &str) -> Vec<String> {
    page.split(r#"{"id":""#).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

fn cursor(page: &str, name: &str) -> Option<String> {
    let rest = page.split_once(&format!(r#""{name}":""#))?.1;
    rest.split('"').next().map(str::to_owned)
}

async fn five(envelope: Envelope) -> Planner {
    let planner = Planner::builder().envelope(envelope).start().await.unwrap();
    // Created in one order and released in another, two of them in the same moment.
    for (id, created, released) in
        [("a", 5, 0), ("b", 4, 3), ("c", 3, 1), ("d", 2, 3), ("e", 2, 2), ("f", 1, 9)]
    {
        planner.release(Planning::new(id, at(created), at(released)));
    }
    planner
}

#[tokio::test]
async fn a_walk_yields_what_was_released_after_a_moment_the_newest_created_first() {
    let planner = five(Envelope::Plannings).await;
    let http = Http::new(&planner);
    let (status, headers, first) = http.get(&format!("{LIST}?{SINCE}&limit=2")).await;
    // What was released in that very moment is not after it.
    assert_eq!((status, ids(&first)), (200, vec!["b".to_owned(), "c".to_owned()]));
    assert!(first.starts_with(
        r#"{"plannings":[{"id":"b","created_at":"2024-11-29T10:00:04.000Z","released_at":"2024-11-29T10:00:03.000Z"},"#
    ));
    assert!(headers.contains_key("trackingid") && headers.contains_key("date"));
    assert_eq!(cursor(&first, "prev"), None);
    let (_, _, second) =
        http.get(&format!("{LIST}?cursor={}&limit=2", cursor(&first, "next").unwrap())).await;
    assert_eq!(ids(&second), ["d", "e"]);
    let (_, _, third) =
        http.get(&format!("{LIST}?cursor={}&limit=2", cursor(&second, "next").unwrap())).await;
    assert_eq!((ids(&third), cursor(&third, "next")), (vec!["f".to_owned()], None));
    let (_, _, back) = http.get(&format!("{LIST}?cursor={}&limit=2", cursor(&third, "prev").unwrap())).await;
    assert_eq!(ids(&back), ids(&second));
    let (_, _, start) = http.get(&format!("{LIST}?cursor={}&limit=2", cursor(&back, "prev").unwrap())).await;
    assert_eq!(ids(&start), ids(&first));
    let (_, _, own) = http.get(&format!("{LIST}?cursor={}&limit=2", cursor(&second, "self").unwrap())).await;
    assert_eq!(ids(&own), ids(&second));
}

#[tokio::test]
async fn each_envelope_ends_in_its_own_way() {
    for (envelope, start, ends) in [
        (Envelope::Plannings, r#"{"plannings":[],"cursor":{"self":""#, r#""}}"#),
        (Envelope::Data, r#"{"data":[],"cursor":{"self":""#, r#""}}"#),
        (Envelope::DataWithNulls, r#"{"data":[],"cursors":{"previous":null,"self":""#, r#"","next":null}}"#),
    ] {
        let planner = five(envelope).await;
        let http = Http::new(&planner);
        let (_, _, page) = http.get(&format!("{LIST}?released_since=2025-01-01T00:00:00Z")).await;
        assert!(page.starts_with(start) && page.ends_with(ends) && page.matches(':').count() < 7, "{page}");
        let (_, _, page) = http.get(&format!("{LIST}?{SINCE}&limit=2")).await;
        assert!(cursor(&page, "next").is_some());
    }
}

#[tokio::test]
async fn a_planning_that_is_released_behind_the_walk_is_not_in_it() {
    let planner = five(Envelope::Plannings).await;
    let http = Http::new(&planner);
    let (_, _, first) = http.get(&format!("{LIST}?{SINCE}&limit=2")).await;
    planner.release(Planning::new("behind", at(6), at(10)));
    planner.release(Planning::new("before", at(0), at(10)));
    let (_, _, rest) = http.get(&format!("{LIST}?cursor={}&limit=9", cursor(&first, "next").unwrap())).await;
    assert_eq!(ids(&rest), ["d", "e", "f", "before"]);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused() {
    let planner = Planner::builder().cursors_live(Duration::from_millis(50)).start().await.unwrap();
    let http = Http::new(&planner);
    for wrong in ["", "released_since=yesterday", "released_since=2024-11-29T10:00:00", "cursor=x"] {
        assert_eq!(http.get(&format!("{LIST}?{wrong}")).await.0, 400, "{wrong}");
    }
    for (limit, status) in [("0", 400), ("1", 200), ("1000", 200), ("1001", 400), ("x", 400)] {
        assert_eq!(http.get(&format!("{LIST}?{SINCE}&limit={limit}")).await.0, status, "{limit}");
    }
    let (_, _, page) = http.get(&format!("{LIST}?{SINCE}")).await;
    tokio::time::sleep(Duration::from_millis(80)).await;
    let (status, _, _) = http.get(&format!("{LIST}?cursor={}", cursor(&page, "self").unwrap())).await;
    assert_eq!(status, 400, "a cursor that is too old");
}

#[tokio::test]
async fn a_bad_schedule_releases_all_late_out_of_order_and_with_equal_stamps() {
    let planner = Planner::builder().seed(5).start().await.unwrap();
    let http = Http::new(&planner);
    let promised = planner.release_badly("p-", 60, Duration::from_millis(100), Duration::from_millis(100));
    assert_eq!(promised.len(), 60);
    let (_, _, early) = http.get(&format!("{LIST}?{SINCE}&limit=1000")).await;
    assert!(ids(&early).len() < 60);
    tokio::time::sleep(Duration::from_millis(250)).await;
    let (_, _, page) = http.get(&format!("{LIST}?{SINCE}&limit=1000")).await;
    assert_eq!(ids(&page).into_iter().collect::<BTreeSet<_>>(), promised.into_iter().collect());
    assert_eq!(planner.released(), 60);
    let stamps: Vec<_> = page.split(r#""released_at":""#).skip(1).map(|rest| &rest[..24]).collect();
    assert!(stamps.iter().collect::<BTreeSet<_>>().len() < 60, "equal stamps");
    assert!(!stamps.is_sorted_by(|one, other| one >= other), "not in the order of the release");
}

#[tokio::test]
async fn a_planning_is_made_of_each_order_as_it_is_written_and_not_of_one_that_is_written_again() {
    let planner = Planner::builder().plan_orders(Duration::from_millis(50)).start().await.unwrap();
    let http = Http::new(&planner);
    for order in [r#"{"stops":1}"#, r#"{"stops":1}"#, r#"{"stops":2.50}"#] {
        http.put("/orders/o-1", &[], order).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    let (status, _, page) = http.get(&format!("{LIST}?{SINCE}")).await;
    assert_eq!((status, ids(&page)), (200, vec!["o-1".to_owned(), "o-1".to_owned()]));
    assert!(
        page.contains(r#"Z","order":{"stops":2.50}}"#) && page.contains(r#"Z","order":{"stops":1}}"#),
        "{page}"
    );
}
