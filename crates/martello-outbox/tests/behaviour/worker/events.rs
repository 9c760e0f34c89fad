//! The log events of deliveries.

use http::Request;
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox};

use crate::{
    captured_logs::{capture, events},
    support::{Answer, Api, broken, put, status, work},
};

/// The log events of the attempts, with the outcome and the status of each.
async fn logged(request: Request<Body>, answers: impl IntoIterator<Item = Answer>) -> Vec<String> {
    capture();
    let outbox = Outbox::new(MemoryStore::new());
    let _worker = work(&outbox, &Api::answering(answers));
    outbox.enqueue(request).await.unwrap().ended().await.unwrap();
    let line = |event: crate::captured_logs::CapturedEvent| {
        let fields = ["outcome", "http.response.status_code"].map(|name| event.field(name));
        let fields: Vec<&str> = fields.into_iter().flatten().collect();
        format!("{} {}: {}", event.level, event.message(), fields.join(" "))
    };
    events("a stored request was").into_iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_is_logged_as_delivered_only_after_a_lost_response() {
    let delete = || Request::delete("https://api.example/orders/1").body(Body::empty()).unwrap();
    assert_eq!(
        logged(delete(), [broken(), status(404)]).await,
        [
            "INFO a stored request was not delivered: ambiguous",
            "DEBUG a stored request was delivered: rejected 404",
        ]
    );
    assert_eq!(
        logged(delete(), [status(404)]).await,
        ["INFO a stored request was not delivered: rejected 404"]
    );
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_logged_with_its_outcome() {
    assert_eq!(
        logged(put("/orders/1"), [status(503), status(200)]).await,
        [
            "INFO a stored request was not delivered: unavailable 503",
            "DEBUG a stored request was delivered: success 200",
        ]
    );
}
