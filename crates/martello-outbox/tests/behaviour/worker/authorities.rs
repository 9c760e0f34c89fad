//! One API that is down does not stop the others of its queue.

use std::time::Duration;

use http::{Request, Uri};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_outbox::{Filter, MemoryStore, Outbox, State};
use martello_testkit::{Reply, Server};

use crate::support::options;

async fn enqueue(outbox: &Outbox, uri: &Uri) {
    let request = Request::post(uri.clone()).body(Body::from("{}")).unwrap();
    outbox.enqueue(request).await.unwrap();
}

/// 60 entries for an API that is down, then 20 for one that is up.
#[tokio::test]
async fn an_api_that_is_up_gets_its_entries_while_another_is_down() {
    let outbox = Outbox::new(MemoryStore::new());
    let down = Server::with(|_| Reply::status(503)).await.unwrap();
    let up = Server::with(|_| Reply::ok()).await.unwrap();
    for _ in 0..60 {
        enqueue(&outbox, &down.uri("/orders")).await;
    }
    for _ in 0..20 {
        enqueue(&outbox, &up.uri("/orders")).await;
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let _worker = outbox.worker(client).with_options(options().build().unwrap()).start();
    let delivered = async {
        while outbox.store().count(Filter::state(State::Done)).await.unwrap() < 20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), delivered).await.unwrap();
}
