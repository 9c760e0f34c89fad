use futures_util::StreamExt;
use martello_paginate::{JsonCursor, JsonLink, PageErrorKind, Paginate};

use crate::support::{Api, URL, linked, ok, results};

fn three() -> Api {
    Api::new([
        ok(r#"{"data":[1],"cursor":{"next":"b"}}"#),
        ok(r#"{"data":[2],"cursor":{"next":"c"}}"#),
        ok(r#"{"data":[3]}"#),
    ])
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_is_lazy() {
    let api = three();
    let pages = Paginate::new(api.clone(), JsonCursor::<u32>::new(URL).unwrap());
    let mut items = Box::pin(pages.items());
    settle().await;
    assert_eq!(api.asked().len(), 0);
    items.next().await.unwrap().unwrap();
    settle().await;
    assert_eq!(api.asked().len(), 1);
}

#[tokio::test]
async fn one_page_is_fetched_ahead_and_no_more() {
    let api = three();
    let pages = Paginate::new(api.clone(), JsonCursor::<u32>::new(URL).unwrap());
    let mut items = Box::pin(pages.items().fetch_ahead());
    for (item, asked) in [(1, 2), (2, 3), (3, 3)] {
        assert_eq!(items.next().await.unwrap().unwrap(), item);
        settle().await;
        assert_eq!(api.asked().len(), asked);
    }
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn what_is_wrong_with_the_page_ahead_is_told_after_the_page_before() {
    let api = Api::new([linked("[1]", &["<https://evil.example/>; rel=next"])]);
    let pages = Paginate::new(api.clone(), JsonLink::<u32>::new(URL).unwrap());
    let results = results(pages.items().fetch_ahead(), 9).await;
    assert_eq!(results[1].as_ref().unwrap_err().kind(), PageErrorKind::OtherOrigin);
    assert_eq!((results.len(), api.asked().len()), (2, 1));
}

#[tokio::test]
async fn dropping_the_stream_drops_the_request_ahead() {
    let strand = std::sync::Arc::new(());
    let held = strand.clone();
    let mut first = Some(ok(r#"{"data":[1],"cursor":{"next":"b"}}"#));
    let first = std::sync::Arc::new(std::sync::Mutex::new(first.take()));
    let service = tower::service_fn(move |_: http::Request<martello_body::Body>| {
        let (answer, held) = (first.lock().unwrap().take(), held.clone());
        async move {
            match answer {
                Some(answer) => Ok::<_, std::io::Error>(answer),
                None => {
                    let _held = held;
                    std::future::pending().await
                }
            }
        }
    });
    let pages = Paginate::new(service, JsonCursor::<u32>::new(URL).unwrap());
    let mut items = Box::pin(pages.items().fetch_ahead());
    items.next().await.unwrap().unwrap();
    settle().await;
    drop((items, pages));
    settle().await;
    assert_eq!(std::sync::Arc::strong_count(&strand), 1);
}
