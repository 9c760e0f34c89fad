//! What a tracking_ids holds, and in which order.

use http::{Request, Response};
use martello_outcome::{AttemptNumber, TrackingId};
use martello_tracking::{Tracking, TrackingIds, TrackingLayer};
use tower::Service;
use tower_test::mock::{self, Mock};

type Client = Mock<Request<()>, Response<()>>;
type Handle = mock::Handle<Request<()>, Response<()>>;

fn tracked() -> (mock::Spawn<Tracking<Client>>, Handle) {
    mock::spawn_layer(TrackingLayer::default())
}

fn attempt(tracking_ids: &TrackingIds, number: u32) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(tracking_ids.clone());
    if number > 1 {
        request.extensions_mut().insert(AttemptNumber(number));
    }
    request
}

fn answer(ids: &[&str]) -> Response<()> {
    let response = ids.iter().fold(Response::builder(), |response, id| response.header("Trackingid", *id));
    response.body(()).expect("a response")
}

fn texts(ids: &[TrackingId]) -> Vec<&str> {
    ids.iter().map(TrackingId::as_str).collect()
}

/// Makes attempts one after the other, each answered with these ids before the next.
async fn attempts(tracking_ids: &TrackingIds, answers: impl IntoIterator<Item = Vec<String>>) {
    let (mut service, mut handle) = tracked();
    for (number, ids) in (1..).zip(answers) {
        tokio_test::assert_ready_ok!(service.poll_ready());
        let response = service.call(attempt(tracking_ids, number));
        let (_, send) = handle.next_request().await.expect("a request");
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        send.send_response(answer(&ids));
        response.await.expect("a response");
    }
}

#[tokio::test]
async fn the_ids_of_all_attempts_are_kept_in_order_with_their_numbers() {
    let tracking_ids = TrackingIds::default();
    attempts(&tracking_ids, [vec!["a".to_owned()], vec![], vec!["c".to_owned()]]).await;
    let entries: Vec<_> =
        tracking_ids.entries().iter().map(|entry| (entry.attempt, entry.id.as_str().to_owned())).collect();
    assert_eq!(entries, [(1, "a".to_owned()), (3, "c".to_owned())]);
    assert_eq!(texts(&tracking_ids.ids()), ["a", "c"]);
    assert_eq!(tracking_ids.last(), "c".parse().ok());
}

#[tokio::test]
async fn a_late_answer_does_not_overwrite_the_id_of_a_newer_attempt() {
    let (mut service, mut handle) = tracked();
    let tracking_ids = TrackingIds::default();
    handle.allow(2);
    tokio_test::assert_ready_ok!(service.poll_ready());
    let old = service.call(attempt(&tracking_ids, 1));
    let (_, to_old) = handle.next_request().await.expect("a request");
    tokio_test::assert_ready_ok!(service.poll_ready());
    let new = service.call(attempt(&tracking_ids, 2));
    let (_, to_new) = handle.next_request().await.expect("a request");

    to_new.send_response(answer(&["new"]));
    new.await.expect("a response");
    to_old.send_response(answer(&["old"]));
    old.await.expect("a response");

    assert_eq!(tracking_ids.last(), "new".parse().ok());
    assert_eq!(texts(&tracking_ids.ids()), ["old", "new"]);
}

#[tokio::test]
async fn the_ids_so_far_are_there_when_the_call_errs_and_when_it_is_dropped() {
    let (mut service, mut handle) = tracked();
    let tracking_ids = TrackingIds::default();
    handle.allow(3);
    tokio_test::assert_ready_ok!(service.poll_ready());
    let first = service.call(attempt(&tracking_ids, 1));
    handle.next_request().await.expect("a request").1.send_response(answer(&["first"]));
    first.await.expect("a response");

    tokio_test::assert_ready_ok!(service.poll_ready());
    let failing = service.call(attempt(&tracking_ids, 2));
    handle.next_request().await.expect("a request").1.send_error("broken");
    assert!(failing.await.is_err());

    tokio_test::assert_ready_ok!(service.poll_ready());
    drop(service.call(attempt(&tracking_ids, 3)));

    assert_eq!(texts(&tracking_ids.ids()), ["first"]);
}

#[tokio::test]
async fn tracking_ids_of_several_calls_stay_in_the_order_in_which_they_were_made() {
    let tracking_ids = TrackingIds::default();
    attempts(&tracking_ids, [vec!["a1".to_owned()], vec!["a2".to_owned()]]).await;
    attempts(&tracking_ids, [vec!["b1".to_owned()]]).await;
    assert_eq!(texts(&tracking_ids.ids()), ["a1", "a2", "b1"]);
    assert_eq!(tracking_ids.last(), "b1".parse().ok());
}

#[tokio::test]
async fn handed_on_ids_are_kept_behind_the_servers_own_which_is_the_last() {
    let tracking_ids = TrackingIds::default();
    attempts(&tracking_ids, [vec!["own".to_owned(), "not an id".to_owned(), "behind".to_owned()]]).await;
    assert_eq!(texts(&tracking_ids.ids()), ["own", "behind"]);
    assert_eq!(tracking_ids.last(), "own".parse().ok());
}

#[tokio::test]
async fn of_one_response_eight_ids_are_kept() {
    let tracking_ids = TrackingIds::default();
    attempts(&tracking_ids, [(0..100).map(|n| n.to_string()).collect()]).await;
    assert_eq!(texts(&tracking_ids.ids()), ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[tokio::test]
async fn beyond_the_bound_the_oldest_go_and_are_counted() {
    let tracking_ids = TrackingIds::default();
    attempts(&tracking_ids, (0..TrackingIds::MAX + 3).map(|n| vec![n.to_string()])).await;
    assert_eq!(tracking_ids.ids().len(), TrackingIds::MAX);
    assert_eq!(tracking_ids.ids().first().map(TrackingId::as_str), Some("3"));
    assert_eq!(tracking_ids.dropped(), 3);
}

#[test]
fn a_service_that_cannot_be_cloned_will_do() {
    struct Single;
    impl Service<Request<()>> for Single {
        type Response = Response<()>;
        type Error = ();
        type Future = std::future::Ready<Result<Response<()>, ()>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), ()>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            std::future::ready(Ok(answer(&["only"])))
        }
    }
    let tracking_ids = TrackingIds::default();
    let mut service = tower::Layer::layer(&TrackingLayer::default(), Single);
    assert!(tokio_test::block_on(service.call(attempt(&tracking_ids, 1))).is_ok());
    assert_eq!(texts(&tracking_ids.ids()), ["only"]);
}
