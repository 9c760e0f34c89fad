use martello_paginate::{JsonCursor, JsonLink, Paginate};

use crate::support::{Api, URL, all, ok};

#[test]
fn a_url_must_be_absolute_and_without_credentials() {
    for url in ["/orders", "api.example", "", "https://me:s3cret@api.example/"] {
        let error = JsonLink::<u32>::new(url).unwrap_err().to_string();
        assert!(error.contains("`url`") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_place_is_a_name_or_a_pointer() {
    for place in ["", "/", "/a//b"] {
        assert!(JsonCursor::<u32>::new(URL).unwrap().items(place).is_err(), "{place}");
        assert!(JsonCursor::<u32>::new(URL).unwrap().cursor(place).is_err(), "{place}");
    }
}

#[test]
fn bounds_have_ranges() {
    let pages = || Paginate::new(Api::default(), JsonLink::<u32>::new(URL).unwrap());
    assert!(pages().max_pages(0).is_err() && pages().max_pages(1_000_001).is_err());
    assert!(pages().max_page_bytes(0).is_err() && pages().max_page_bytes((1 << 30) + 1).is_err());
}

#[tokio::test]
async fn headers_go_along_with_each_request() {
    let api = Api::new([ok("[]")]);
    let pages = JsonLink::<u32>::new(URL).unwrap().header("Accept", "application/vnd.x+json").unwrap();
    all(&Paginate::new(api.clone(), pages)).await.unwrap();
    assert_eq!(api.header("accept"), "application/vnd.x+json");
    assert!(JsonLink::<u32>::new(URL).unwrap().header("a b", "c").is_err());
    let error = JsonLink::<u32>::new(URL).unwrap().header("x-key", "s3cret\n").unwrap_err();
    assert!(!error.to_string().contains("s3cret"));
}

#[test]
fn what_describes_pages_hides_query_and_headers() {
    let pages = JsonCursor::<u32>::new("https://api.example/p?key=s3cret").unwrap();
    let pages = pages.header("authorization", "Bearer s3cret").unwrap();
    assert!(!format!("{pages:?}").contains("s3cret"));
}
