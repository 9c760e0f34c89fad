use futures_util::StreamExt;
use martello_body::Body;
use martello_limit::ConcurrencyLimitLayer;
use martello_paginate::{JsonCursor, Paginate};
use martello_testkit::contract::Strict;
use tower::Layer;

use crate::support::{Api, URL, ok};

fn two() -> Api {
    Api::new([ok(r#"{"data":[1],"cursor":{"next":"b"}}"#), ok(r#"{"data":[2]}"#)])
}

#[tokio::test]
async fn each_request_goes_to_a_clone_that_was_readied() {
    let strict = Strict::new(two());
    let pages = Paginate::new(strict.clone(), JsonCursor::<u32>::new(URL).unwrap());
    let items: Vec<_> = pages.items::<Body, _>().collect().await;
    assert!(items.iter().all(Result::is_ok) && items.len() == 2, "{items:?}");
    assert!(strict.misuses().is_empty(), "{:?}", strict.misuses());
}

#[tokio::test]
async fn a_page_is_read_to_its_end_before_the_next_is_asked_for() {
    // With one permit that is held until the body's end, anything else would stand still.
    let limit = ConcurrencyLimitLayer::builder().permits(1).max_waiting(0).build().unwrap();
    let pages = Paginate::new(limit.layer(two()), JsonCursor::<u32>::new(URL).unwrap());
    let mut items = Box::pin(pages.items::<Body, _>().fetch_ahead());
    items.next().await.unwrap().unwrap();
    items.next().await.unwrap().unwrap();
    assert!(items.next().await.is_none());
    assert_eq!(limit.usage().in_flight, 0);
}

#[tokio::test]
async fn a_call_that_fails_is_an_error_with_its_outcome() {
    let closed = tower::service_fn(|_: http::Request<Body>| async {
        Err::<http::Response<Body>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
    });
    let pages = Paginate::new(closed, JsonCursor::<u32>::new(URL).unwrap());
    let error = Box::pin(pages.pages::<Body, _>()).next().await.unwrap().unwrap_err();
    assert_eq!(error.call_error().unwrap().outcome(), martello_outcome::Outcome::Unsent);
}
