use std::error::Error;

use martello_paginate::{JsonCursor, JsonLink, PageErrorKind, Paginate};
use serde_json::value::RawValue;

use crate::support::{Api, URL, all, ok};

async fn read(body: &'static str) -> Result<Vec<u32>, martello_paginate::PageError> {
    let pages = JsonCursor::new(URL).unwrap().items("/result/rows~1all").unwrap();
    all(&Paginate::new(Api::new([ok(body)]), pages)).await
}

#[tokio::test]
async fn a_list_is_found_through_objects() {
    assert_eq!(read(r#"{"result":{"x":[0],"rows/all":[1,2]}}"#).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn only_a_list_is_a_list() {
    for body in [
        r#"{"result":{}}"#,
        "{}",
        "null",
        "7",
        "[]",
        r#"{"result":null}"#,
        r#"{"result":[1]}"#,
        r#"{"result":{"rows/all":{}}}"#,
        r#"{"result":{"rows/all":null}}"#,
        r#"{"result":{"rows/all":""}}"#,
        r#"{"result":{"rows/all":0}}"#,
        r#"{"result":{"rows/all":false}}"#,
    ] {
        let error = read(body).await.unwrap_err();
        assert_eq!(error.kind(), PageErrorKind::Parse, "{body}");
        assert_eq!(error.source().unwrap().to_string(), "`/result/rows/all` has an unexpected form");
        assert_eq!(error.body().unwrap(), body);
    }
}

#[tokio::test]
async fn an_item_of_another_shape_is_named_and_nothing_of_its_page_delivered() {
    let error = read(r#"{"result":{"rows/all":[1,2,"three"]}}"#).await.unwrap_err();
    assert_eq!((error.page(), error.item()), (1, Some(2)));
    assert_eq!(error.to_string(), "failed to parse page 1; the error holds its body");
    let source = error.source().unwrap();
    assert_eq!(source.to_string(), "item 2 (`/result/rows/all/2`) has an unexpected form");
    assert!(source.source().unwrap().to_string().contains("expected u32"));
}

#[tokio::test]
async fn what_is_not_json_is_an_error() {
    for body in ["", "<html>", r#"{"result":{"rows/all":[1]}"#, r#"{"result":{"rows/all":[1]}} trailing"#] {
        assert_eq!(read(body).await.unwrap_err().kind(), PageErrorKind::Parse, "{body}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_shape_is_an_error_and_not_the_end() {
    for cursor in [r#"{"next":{}}"#, r#"{"next":true}"#, r#"{"next":-1.5}"#, r#""abc""#, "[]"] {
        let body = format!(r#"{{"data":[1],"cursor":{cursor}}}"#);
        let pages = Paginate::new(Api::new([ok(body)]), JsonCursor::<u32>::new(URL).unwrap());
        let error = all(&pages).await.unwrap_err();
        assert_eq!(error.source().unwrap().to_string(), "`/cursor/next` has an unexpected form", "{cursor}");
    }
}

#[tokio::test]
async fn items_can_be_had_as_they_stand() {
    let pages = JsonCursor::<Box<RawValue>>::new(URL).unwrap();
    let items = all(&Paginate::new(Api::new([ok(r#"{"data":[{"a": 1.50}, 2]}"#)]), pages)).await.unwrap();
    assert_eq!(items[0].get(), r#"{"a": 1.50}"#);
}

#[tokio::test]
async fn a_page_that_is_the_list_is_one() {
    for body in ["null", "{}", r#""""#] {
        let pages = Paginate::new(Api::new([ok(body)]), JsonLink::<u32>::new(URL).unwrap());
        assert_eq!(all(&pages).await.unwrap_err().kind(), PageErrorKind::Parse, "{body}");
    }
}

#[tokio::test]
async fn null_is_an_empty_list_where_one_says_so_and_nothing_else_is() {
    let read = async |body: &'static str| {
        let pages = JsonCursor::<u32>::new(URL).unwrap().null_is_empty().items("/result/rows").unwrap();
        all(&Paginate::new(Api::new([ok(body)]), pages)).await
    };
    assert!(read(r#"{"result":{"rows": null }}"#).await.unwrap().is_empty());
    assert_eq!(read(r#"{"result":{"rows":[1]}}"#).await.unwrap(), [1]);
    for body in [r#"{"result":{}}"#, r#"{"result":null}"#, "null", r#"{"result":{"rows":{}}}"#] {
        assert_eq!(read(body).await.unwrap_err().kind(), PageErrorKind::Parse, "{body}");
    }
    let pages = JsonLink::<u32>::new(URL).unwrap().null_is_empty();
    assert!(all(&Paginate::new(Api::new([ok("null")]), pages)).await.unwrap().is_empty());
}
