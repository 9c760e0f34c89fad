use futures_util::StreamExt;
use martello_body::{BodyError, BodyErrorKind};
use martello_paginate::{JsonCursor, JsonLink, PageErrorKind, Paginate};

use crate::support::{Api, URL, linked, ok, results};

fn page(item: u32, next: &str) -> http::Response<http_body_util::Full<bytes::Bytes>> {
    ok(format!(r#"{{"data":[{item}],"cursor":{{"next":"{next}"}}}}"#))
}

#[tokio::test]
async fn a_cursor_that_comes_back_is_an_error_after_its_page_and_then_the_end() {
    for circle in [&["a", "a"][..], &["a", "b", "a"], &["a", "b", "c", "b"]] {
        let api = Api::new((1..).zip(circle).map(|(item, next)| page(item, next)).collect::<Vec<_>>());
        let pages = Paginate::new(api.clone(), JsonCursor::<u32>::new(URL).unwrap());
        let mut results = results(pages.items(), 100).await;
        let error = results.pop().unwrap().unwrap_err();
        assert_eq!(error.kind(), PageErrorKind::Loop);
        assert!(error.kind().is_final());
        assert_eq!(results.len(), circle.len());
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(api.asked().len(), circle.len());
    }
}

#[tokio::test]
async fn a_link_to_the_first_page_is_a_loop() {
    let api = Api::new([linked("[1]", &[&format!("<{URL}>; rel=next")])]);
    let pages = Paginate::new(api, JsonLink::<u32>::new(URL).unwrap());
    let results = results(pages.items(), 9).await;
    assert_eq!(results[1].as_ref().unwrap_err().kind(), PageErrorKind::Loop);
    assert_eq!(results.len(), 2);
}

#[tokio::test]
async fn pages_without_end_are_an_error() {
    let api = Api::new((0..).take(3).map(|n| page(n, &n.to_string())).collect::<Vec<_>>());
    let pages = Paginate::new(api, JsonCursor::<u32>::new(URL).unwrap()).max_pages(3).unwrap();
    let results = results(pages.items(), 9).await;
    assert_eq!(results.len(), 4);
    let error = results[3].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.page()), (PageErrorKind::TooManyPages, 4));
}

#[tokio::test]
async fn as_many_pages_as_allowed_are_no_error() {
    let api = Api::new([page(1, "a"), page(2, "b"), page(3, "")]);
    let pages = Paginate::new(api, JsonCursor::<u32>::new(URL).unwrap()).max_pages(3).unwrap();
    assert!(results(pages.items(), 9).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_next_page_on_another_origin_is_not_asked_for() {
    for link in [
        "https://evil.example/plannings",
        "http://api.example/plannings",
        "https://api.example:8443/plannings",
        "//evil.example/plannings",
        "https://api.example@evil.example/",
        "https://me:secret@api.example/",
        r"https:\\evil.example/",
    ] {
        let api = Api::new([linked("[1]", &[&format!("<{link}>; rel=next")])]);
        let pages = Paginate::new(api.clone(), JsonLink::<u32>::new(URL).unwrap());
        let results = results(pages.items(), 9).await;
        let error = results[1].as_ref().unwrap_err();
        assert_eq!(
            (error.kind(), results.len(), api.asked().len()),
            (PageErrorKind::OtherOrigin, 2, 1),
            "{link}"
        );
        assert!(!format!("{error} {error:?}").contains("evil"));
    }
}

#[tokio::test]
async fn the_same_origin_may_be_written_otherwise() {
    for link in ["https://API.example:443/p", "HTTPS://api.example/p"] {
        let api = Api::new([linked("[1]", &[&format!("<{link}>; rel=next")]), ok("[2]")]);
        let pages = Paginate::new(api, JsonLink::<u32>::new(URL).unwrap());
        assert!(results(pages.items(), 9).await.iter().all(Result::is_ok), "{link}");
    }
}

#[tokio::test]
async fn a_page_that_is_too_large_is_an_error() {
    let pages = Paginate::new(Api::new([ok(r#"{"data":[1]}"#)]), JsonCursor::<u32>::new(URL).unwrap());
    let pages = pages.max_page_bytes(11).unwrap();
    let error = Box::pin(pages.pages()).next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), PageErrorKind::Call);
    let call_error = error.call_error().unwrap();
    let source = std::error::Error::source(call_error).unwrap();
    assert_eq!(source.downcast_ref::<BodyError>().unwrap().kind(), BodyErrorKind::TooLarge);
    assert_eq!(call_error.outcome(), BodyErrorKind::TooLarge.outcome(), "as the layers inside were told");
}
