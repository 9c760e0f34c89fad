use futures_util::StreamExt;
use martello_paginate::{InvalidPosition, JsonCursor, JsonLink, PageErrorKind, Paginate, Position};

use crate::support::{Api, URL, ok, results};

#[tokio::test]
async fn a_walk_goes_on_from_a_stored_position() {
    let api = Api::new([
        ok(r#"{"data":[1],"cursor":{"next":"b"}}"#),
        ok(r#"{"data":[2],"cursor":{"next":"c"}}"#),
        ok(r#"{"data":[3]}"#),
    ]);
    let pages = Paginate::new(api.clone(), JsonCursor::<u32>::new(URL).unwrap());
    let mut walk = Box::pin(pages.pages());
    assert_eq!(walk.position(), None);
    let first = walk.next().await.unwrap().unwrap();
    assert_eq!((first.number, first.position, first.next.as_ref()), (1, None, walk.position()));
    let stored = serde_json::to_string(&walk.position()).unwrap();
    assert_eq!(stored, r#""b""#);
    drop(walk);

    let position: Position = serde_json::from_str(&stored).unwrap();
    let rest: Vec<_> = results(pages.items_from(position), 9).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(rest, [2, 3]);
    assert!(api.asked()[1].ends_with("cursor=b"));
}

#[tokio::test]
async fn items_know_the_page_that_they_came_from() {
    let api = Api::new([
        ok(r#"{"data":[1],"cursor":{"next":"b"}}"#),
        ok(r#"{"data":[2,3],"cursor":{"next":"c"}}"#),
    ]);
    let pages = Paginate::new(api, JsonCursor::<u32>::new(URL).unwrap());
    let mut items = Box::pin(pages.items());
    for place in [None, Some("b"), Some("b")] {
        items.next().await.unwrap().unwrap();
        assert_eq!(items.position().map(Position::as_str), place);
    }
}

#[tokio::test]
async fn a_loop_is_found_from_a_stored_position_too() {
    let next = |next| ok(format!(r#"{{"data":[0],"cursor":{{"next":"{next}"}}}}"#));
    let pages = Paginate::new(Api::new([next("c"), next("b")]), JsonCursor::<u32>::new(URL).unwrap());
    let results = results(pages.items_from("b".parse().unwrap()), 9).await;
    assert_eq!(results[2].as_ref().unwrap_err().kind(), PageErrorKind::Loop);
}

#[tokio::test]
async fn a_stored_position_on_another_origin_is_refused() {
    let api = Api::default();
    let pages = Paginate::new(api.clone(), JsonLink::<u32>::new(URL).unwrap());
    let results = results(pages.items_from("https://evil.example/".parse().unwrap()), 9).await;
    assert_eq!(results[0].as_ref().unwrap_err().kind(), PageErrorKind::OtherOrigin);
    assert_eq!((results.len(), api.asked().len()), (1, 0));
}

/// RFC 9110 §4.2.3: upper case, an empty port and the default port make no difference.
#[tokio::test]
async fn a_stored_position_may_write_the_same_origin_otherwise() {
    for (one, other) in [("https://api.example", "443"), ("http://[::1]", "80")] {
        let upper = one.to_ascii_uppercase();
        let written =
            [one.to_owned(), format!("{one}:"), format!("{one}:{other}"), format!("{upper}:{other}")];
        for (first, stored) in written.iter().flat_map(|first| written.iter().map(move |to| (first, to))) {
            let api = Api::new([ok("[2]")]);
            let pages = Paginate::new(api, JsonLink::<u32>::new(format!("{first}/a")).unwrap());
            let results = results(pages.items_from(format!("{stored}/b").parse().unwrap()), 9).await;
            assert!(results.len() == 1 && results[0].is_ok(), "{stored} from {first}: {results:?}");
        }
    }
}

#[tokio::test]
async fn a_stored_position_with_another_port_is_refused() {
    for (first, stored) in [
        ("https://api.example/a", "https://api.example:80/a"),
        ("https://api.example/a", "http://api.example:443/a"),
        ("http://api.example:/a", "http://api.example:8080/a"),
    ] {
        let pages = Paginate::new(Api::default(), JsonLink::<u32>::new(first).unwrap());
        let results = results(pages.items_from(stored.parse().unwrap()), 9).await;
        assert_eq!(results[0].as_ref().unwrap_err().kind(), PageErrorKind::OtherOrigin, "{stored}");
    }
}

#[tokio::test]
async fn a_position_that_makes_no_request_is_an_error() {
    let pages = Paginate::new(Api::default(), JsonLink::<u32>::new(URL).unwrap());
    let results = results(pages.items_from("no url".parse().unwrap()), 9).await;
    assert_eq!(results[0].as_ref().unwrap_err().kind(), PageErrorKind::Request);
    assert_eq!(results.len(), 1);
}

#[test]
fn a_position_is_bounded_and_hidden() {
    assert_eq!("".parse::<Position>(), Err("".parse::<Position>().unwrap_err()));
    assert!("x".repeat(8_192).parse::<Position>().is_ok());
    let InvalidPosition { length, .. } = "x".repeat(8_193).parse::<Position>().unwrap_err();
    assert_eq!(length, 8_193);
    assert!(serde_json::from_str::<Position>("\"\"").is_err());
    assert_eq!(format!("{:?}", "secret".parse::<Position>().unwrap()), "Position(6 bytes)");
}
