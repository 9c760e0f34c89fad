use martello_paginate::{JsonCursor, Paginate};

use crate::support::{Api, URL, all, ok};

#[tokio::test]
async fn a_token_becomes_a_parameter_of_the_first_url() {
    let api = Api::new([
        ok(r#"{"data":[1,2],"cursor":{"self":"x","next":"a+b/c= &é"}}"#),
        ok(r#"{"data":[3],"cursor":{}}"#),
    ]);
    let pages = Paginate::new(api.clone(), JsonCursor::<u32>::new(URL).unwrap());
    assert_eq!(all(&pages).await.unwrap(), [1, 2, 3]);
    assert_eq!(api.asked(), [URL, "https://api.example/plannings?limit=2&cursor=a%2Bb%2Fc%3D%20%26%C3%A9"]);
    assert_eq!(api.header("accept"), "application/json");
}

#[tokio::test]
async fn the_parameter_replaces_one_of_its_name() {
    let api = Api::new([ok(r#"{"data":[],"next":7}"#), ok(r#"{"data":[]}"#)]);
    let pages = JsonCursor::<u32>::new("https://api.example/p?page=1&x=%20y&p%61ge=2").unwrap();
    let pages = pages.cursor("next").unwrap().parameter("page");
    all(&Paginate::new(api.clone(), pages)).await.unwrap();
    assert_eq!(api.asked()[1], "https://api.example/p?x=%20y&page=7");
}

#[tokio::test]
async fn absent_null_and_empty_cursors_are_the_end() {
    for end in [
        r#"{"data":[1]}"#,
        r#"{"data":[1],"cursor":null}"#,
        r#"{"data":[1],"cursor":{}}"#,
        r#"{"data":[1],"cursor":{"next":null}}"#,
        r#"{"data":[1],"cursor":{"next":""}}"#,
        r#"{"data":[1],"cursors":{"previous":"a","self":"b","next":null}}"#,
    ] {
        let api = Api::new([ok(end)]);
        assert_eq!(
            all(&Paginate::new(api, JsonCursor::<u32>::new(URL).unwrap())).await.unwrap(),
            [1],
            "{end}"
        );
    }
}

#[tokio::test]
async fn both_envelopes_are_read() {
    for envelope in ["cursor", "cursors"] {
        let first = format!(r#"{{"data":[1],"{envelope}":{{"next":"2"}}}}"#);
        let api = Api::new([ok(first), ok(r#"{"data":[2]}"#)]);
        assert_eq!(all(&Paginate::new(api, JsonCursor::<u32>::new(URL).unwrap())).await.unwrap(), [1, 2]);
    }
}

#[tokio::test]
async fn an_empty_page_is_not_the_end() {
    let next = |n| ok(format!(r#"{{"data":[],"cursor":{{"next":"{n}"}}}}"#));
    let answers = (0..40).map(next).chain([ok(r#"{"data":[9]}"#)]);
    let pages = Paginate::new(Api::new(answers), JsonCursor::<u32>::new(URL).unwrap());
    assert_eq!(all(&pages).await.unwrap(), [9]);
}

#[tokio::test]
async fn a_cursor_that_is_a_link_is_followed() {
    let link = "https://api.example/plannings?after=3";
    let api = Api::new([ok(format!(r#"{{"data":[],"cursor":{{"next":"{link}"}}}}"#)), ok(r#"{"data":[]}"#)]);
    all(&Paginate::new(api.clone(), JsonCursor::<u32>::new(URL).unwrap())).await.unwrap();
    assert_eq!(api.asked()[1], link);
}

#[tokio::test]
async fn links_may_be_relative_where_one_says_so_and_a_token_may_look_like_one() {
    let first = || ok(r#"{"data":[],"cursor":{"next":"/p?n=3#top"}}"#);
    let api = Api::new([first(), ok(r#"{"data":[]}"#)]);
    all(&Paginate::new(api.clone(), JsonCursor::<u32>::new(URL).unwrap().links())).await.unwrap();
    assert_eq!(api.asked()[1], "https://api.example/p?n=3");

    let api = Api::new([ok(r#"{"data":[],"cursor":{"next":"https://x"}}"#), ok(r#"{"data":[]}"#)]);
    all(&Paginate::new(api.clone(), JsonCursor::<u32>::new(URL).unwrap().tokens())).await.unwrap();
    assert_eq!(api.asked()[1], "https://api.example/plannings?limit=2&cursor=https%3A%2F%2Fx");
}

#[tokio::test]
async fn the_name_of_the_parameter_is_encoded_once_however_it_is_given() {
    for name in ["page[after]", "page%5Bafter%5D"] {
        let api = Api::new([ok(r#"{"data":[1],"cursor":{"next":"b"}}"#), ok(r#"{"data":[2]}"#)]);
        let pages = JsonCursor::<u32>::new("http://api.example/p?page%5bafter%5d=a&x[]=1").unwrap();
        assert_eq!(all(&Paginate::new(api.clone(), pages.parameter(name))).await.unwrap(), [1, 2]);
        let expected =
            ["http://api.example/p?page%5bafter%5d=a&x[]=1", "http://api.example/p?x[]=1&page%5Bafter%5D=b"];
        assert_eq!(api.asked(), expected, "{name}");
    }
}
