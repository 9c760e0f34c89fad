use martello_paginate::{JsonLink, PageErrorKind, Paginate};

use crate::support::{Api, all, linked, ok};

const URL: &str = "https://api.example/v1/orders?per_page=2";

/// What was asked for after a page with these lines, if anything.
async fn followed(lines: &[&str]) -> Option<String> {
    let api = Api::new([linked("[1]", lines), ok("[2]")]);
    all(&Paginate::new(api.clone(), JsonLink::<u32>::new(URL).unwrap())).await.unwrap();
    api.asked().get(1).cloned()
}

#[tokio::test]
async fn the_next_link_is_found_in_all_that_the_rfc_allows() {
    for line in [
        r#"<https://api.example/v1/orders?page=2>; rel="next""#,
        r"<https://api.example/v1/orders?page=2>;rel=next",
        r"<https://api.example/v1/orders?page=2> ; REL = NeXt ; title=x",
        r#"</v1/orders?page=2>; rel="prev next""#,
        r#"<orders?page=2>; title="a, <b>; rel=\"last\""; rel="next""#,
        r#"<?page=2>; title*=UTF-8''n%C3%A9xt; hreflang=de; x; rel="http://x.example/rel next""#,
        r#",, <?page=1>; rel="first" , , <?page=2>; rel="next", <?page=9>; rel="last","#,
        r#"<?page=2>; rel="next"; rel="prev""#,
        r#"<?page=2>; anchor=""; rel="next""#,
        r#"<?page=2#frag>; anchor="https://api.example/v1/orders?per_page=2"; rel="next""#,
        r#"<?page=7>; anchor="/other"; rel="next", <?page=2>; rel="next""#,
        r#"<?page=2>; title="é"; rel="next""#,
    ] {
        let next = followed(&[line]).await;
        assert_eq!(next.as_deref(), Some("https://api.example/v1/orders?page=2"), "{line}");
    }
}

#[tokio::test]
async fn other_relations_are_no_next_page() {
    for line in [
        r#"<?page=2>; rel="prev""#,
        "<?page=2>",
        r#"<?page=2>; rev="next""#,
        r#"<?page=2>; rel="prev"; rel="next""#,
        r#"<?page=2>; title="rel=next""#,
        r#"<?page=2>; anchor="/other"; rel="next""#,
        r#"<?page=2>; rel="nextish""#,
        "",
    ] {
        assert_eq!(followed(&[line]).await, None, "{line}");
    }
}

#[tokio::test]
async fn several_lines_are_read() {
    let next = followed(&[r#"<?page=1>; rel="first""#, r#"<?page=2>; rel="next""#]).await;
    assert_eq!(next.as_deref(), Some("https://api.example/v1/orders?page=2"));
}

#[tokio::test]
async fn a_header_that_cannot_be_read_is_an_error_and_not_the_end() {
    for line in [
        "<?page=2; rel=next",
        "?page=2; rel=next",
        r#"<?page=2>; rel="next"#,
        "<?page=2> rel=next",
        r#"<?page=2>; rel="\"#,
    ] {
        let pages = Paginate::new(Api::new([linked("[1]", &[line])]), JsonLink::<u32>::new(URL).unwrap());
        assert_eq!(all(&pages).await.unwrap_err().kind(), PageErrorKind::Parse, "{line}");
    }
}

#[tokio::test]
async fn dots_in_a_relative_link_are_resolved() {
    let next = followed(&[r#"<../v2/./orders>; rel="next""#]).await;
    assert_eq!(next.as_deref(), Some("https://api.example/v2/orders"));
}

proptest::proptest! {
    #[test]
    fn no_line_makes_it_panic(line in "[<>;,= \"\\\\a-c\u{e9}]{0,40}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let api = Api::new([linked("[1]", &[&line]), ok("[2]")]);
        let _ = runtime.block_on(all(&Paginate::new(api, JsonLink::<u32>::new(URL).unwrap())));
    }
}
