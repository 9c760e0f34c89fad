//! Headers as an engine stores them.

use http::{HeaderMap, HeaderValue};
use martello_outbox::StoredRequest;

fn with(headers: HeaderMap) -> StoredRequest {
    StoredRequest {
        method: http::Method::PUT,
        uri: "https://api.example/".parse().unwrap(),
        headers,
        body: bytes::Bytes::new(),
        sealed: false,
    }
}

#[test]
fn every_byte_of_a_value_survives() {
    let every: Vec<u8> = [b'\t'].into_iter().chain(0x20..=0x7e).chain(0x80..=0xff).collect();
    let mut headers = HeaderMap::new();
    for value in [&b"caf\xe9"[..], &every[2..], b"", "\u{eb}\u{1f9f1}".as_bytes(), br#"a "quoted\" b"#] {
        headers.append("x-repeated", HeaderValue::from_bytes(value).unwrap());
    }
    headers.insert("x-alone", HeaderValue::from_static("1"));
    let read = StoredRequest::headers_from_json(&with(headers.clone()).headers_to_json()).unwrap();
    assert_eq!(read, headers);
    let repeated =
        |headers: &HeaderMap| -> Vec<HeaderValue> { headers.get_all("x-repeated").iter().cloned().collect() };
    assert_eq!(repeated(&read), repeated(&headers), "in their order");
}

#[test]
fn they_are_an_array_of_pairs() {
    let mut headers = HeaderMap::new();
    headers.append("x-a", HeaderValue::from_bytes(b"caf\xe9").unwrap());
    headers.append("x-a", HeaderValue::from_static("b"));
    assert_eq!(with(headers).headers_to_json(), r#"[["x-a","café"],["x-a","b"]]"#);
}

#[test]
fn what_is_no_array_of_pairs_is_refused() {
    for text in ["", "{}", r#"[["a"]]"#, r#"[["a b","c"]]"#, r#"[["a","\n"]]"#, "[[\"a\",\"\u{100}\"]]"] {
        let error = StoredRequest::headers_from_json(text).unwrap_err();
        assert_eq!(error.field(), "headers", "{text}");
    }
}

#[test]
fn a_head_may_have_64_kib_of_names_and_values() {
    let of = |bytes: usize| {
        let mut headers = HeaderMap::new();
        headers.insert("x-large", HeaderValue::from_bytes(&vec![b'a'; bytes - 7 - 1 - 3]).unwrap());
        headers.insert("y", HeaderValue::from_static("abc"));
        with(headers).check()
    };
    assert!(of(64 * 1024).is_ok());
    assert_eq!(of(64 * 1024 + 1).unwrap_err().field(), "head");
}
