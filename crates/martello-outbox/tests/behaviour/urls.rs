//! What target a request must have to be stored.

use std::error::Error;

use http::Request;
use martello_body::Body;
use martello_outbox::{MemoryStore, NotStoredKind, Outbox};

const SAID: &str = "the url must be absolute, with http or https and a host";

async fn refused(url: &str) -> String {
    let request = Request::put(url).body(Body::empty()).unwrap();
    let error = Outbox::new(MemoryStore::new()).enqueue(request).await.unwrap_err();
    assert_eq!(error.kind(), NotStoredKind::Request, "{url}");
    error.source().unwrap().to_string()
}

#[tokio::test]
async fn a_target_without_a_scheme_or_a_host_is_refused() {
    for url in ["/orders/1", "api.example", "api.example:443"] {
        assert!(refused(url).await.contains(SAID), "{url}: {}", refused(url).await);
    }
}

#[tokio::test]
async fn a_target_that_is_no_http_is_refused() {
    for url in ["javascript://api.example/%0aalert(1)", "ftp://api.example/", "httpss://api.example/"] {
        assert!(refused(url).await.contains(SAID), "{url}: {}", refused(url).await);
    }
}

#[tokio::test]
async fn a_target_may_be_http_or_https_however_it_is_written() {
    for url in ["http://api.example/", "https://api.example/", "HTTPS://API.example/", "http://[::1]:80/"] {
        let request = Request::put(url).body(Body::empty()).unwrap();
        assert!(Outbox::new(MemoryStore::new()).enqueue(request).await.is_ok(), "{url}");
    }
}
