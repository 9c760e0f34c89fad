use futures_util::StreamExt;
use martello_outcome::{CallError, ErrorKind, Outcome, TrackingId};
use martello_paginate::{JsonCursor, PageError, PageErrorKind, Paginate};

use crate::support::{Api, URL, ok, results, status};

fn pages(api: &Api) -> Paginate<Api, JsonCursor<u32>> {
    Paginate::new(api.clone(), JsonCursor::new(URL).unwrap())
}

#[tokio::test]
async fn after_an_error_the_same_page_is_asked_for_again() {
    let first = ok(r#"{"data":[1],"cursor":{"next":"s3cret"}}"#);
    let api = Api::new([status(500, "oh"), first, ok("{"), status(404, ""), ok(r#"{"data":[2]}"#)]);
    let results = results(pages(&api).items(), 9).await;
    let shown: Vec<_> = results.iter().map(|result| result.as_ref().map_err(PageError::kind)).collect();
    let (status, parse) = (Err(PageErrorKind::Status), Err(PageErrorKind::Parse));
    assert_eq!(shown, [status, Ok(&1), parse, status, Ok(&2)]);
    let asked = api.asked();
    assert_eq!(asked[0], asked[1]);
    assert_eq!(asked[2], asked[4]);
}

#[tokio::test]
async fn an_error_tells_status_tracking_id_and_the_start_of_the_body() {
    let mut answer = status(500, "oh\nno\u{1b}");
    answer.extensions_mut().insert("5f1e".parse::<TrackingId>().unwrap());
    let mut results = results(pages(&Api::new([answer])).items(), 1).await;
    let error = results.remove(0).unwrap_err();
    assert_eq!(
        error.to_string(),
        r"the server answered page 1 with status 500: oh\nno\u{1b} (Trackingid 5f1e)"
    );
    assert_eq!((error.status().unwrap().as_u16(), error.body().unwrap().len()), (500, 6));
    assert_eq!(error.tracking_id().unwrap().as_str(), "5f1e");
    let expected = concat!(
        "PageError { kind: Status, page: 1, status: Some(500), tracking_id: Some(TrackingId(5f1e)), ",
        r#"body: Some("oh\\nno\\u{1b}"), source: None }"#
    );
    assert_eq!(format!("{error:?}"), expected);
}

#[test]
fn a_kind_is_final_where_asking_again_cannot_help() {
    use PageErrorKind::{Call, Loop, OtherOrigin, Parse, Request, Status, TooManyPages};
    for (kinds, is_final) in
        [(&[Call, Status, Parse] as &[_], false), (&[Request, Loop, TooManyPages, OtherOrigin], true)]
    {
        assert!(kinds.iter().all(|kind| kind.is_final() == is_final), "{kinds:?}");
    }
}

#[tokio::test]
async fn a_request_that_the_client_refuses_ends_the_walk() {
    let service = tower::service_fn(|_: http::Request<martello_body::Body>| async {
        let refused = CallError::new(ErrorKind::Unsendable, Outcome::Unsent, "no such scheme");
        Err::<http::Response<martello_body::Body>, _>(refused)
    });
    let pages = Paginate::new(service, JsonCursor::<u32>::new(URL).unwrap());
    let mut items = std::pin::pin!(pages.items());
    let error = items.next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.kind().is_final()), (PageErrorKind::Request, true));
    assert_eq!(error.call_error().unwrap().kind(), ErrorKind::Unsendable);
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn a_redirect_is_no_page() {
    let results = results(pages(&Api::new([status(302, "")])).items(), 1).await;
    assert_eq!(results[0].as_ref().unwrap_err().to_string(), "the server answered page 1 with status 302");
}

#[tokio::test]
async fn an_error_shows_neither_url_nor_cursor() {
    let api = Api::new([ok(r#"{"data":[],"cursor":{"next":"s3cret"}}"#), status(500, "")]);
    let pages = JsonCursor::<u32>::new("https://api.example/p?key=k3y").unwrap();
    let mut results = results(Paginate::new(api, pages).items(), 1).await;
    let error = results.remove(0).unwrap_err();
    assert_eq!(error.position().unwrap().as_str(), "s3cret");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("s3cret") && !shown.contains("k3y"), "{shown}");
}

#[tokio::test]
async fn the_debug_text_of_an_error_has_its_kind_and_its_cause() {
    let error = results(pages(&Api::new([ok("{")])).items(), 1).await.remove(0).unwrap_err();
    let shown = format!("{error:?}");
    let (kind, cause) = ("PageError { kind: Parse, page: 1, status: Some(200)", "source: Some(ParseError { ");
    assert!(shown.starts_with(kind) && shown.contains(cause), "{shown}");
}

#[tokio::test]
async fn the_excerpt_of_a_long_body_is_cut() {
    let api = Api::new([status(500, Box::leak("x".repeat(10_000).into_boxed_str()))]);
    let error = results(pages(&api).items(), 1).await.remove(0).unwrap_err();
    assert!(error.to_string().len() < 400 && format!("{error:?}").len() < 600);
    assert_eq!(error.body().unwrap().len(), 10_000);
}
