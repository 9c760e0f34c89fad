//! Debug output without secrets.

use std::borrow::Cow;

use http::Request;
use martello_limit::ConcurrencyLimitLayer;
use tower::Layer;

use crate::support::{call, limited};

#[test]
fn no_key_is_in_the_debug_text() {
    let layer = ConcurrencyLimitLayer::builder()
        .key_by(|head| Cow::Borrowed(head.headers["x-api-key"].to_str().unwrap()))
        .build()
        .unwrap();
    let (service, _api) = limited(&layer);
    let _held = call(&service, Request::get("/").header("x-api-key", "hunter2").body(()).unwrap());
    assert_eq!(layer.usage().keys, 1);
    let text = format!("{layer:?} {:?}", layer.layer(()));
    assert!(!text.contains("hunter2"), "{text}");
}
