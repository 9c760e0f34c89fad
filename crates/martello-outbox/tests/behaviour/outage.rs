//! Over real sockets: the API goes down and comes back, and no newer write is overwritten by an older one.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Uri};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox, OutboxLayer, Sent, State};
use martello_testkit::{Received, Reply, Server};
use tower::{Layer, ServiceExt};

use crate::support::{options, seconds};

type Http = Client<HttpConnector, Body>;

/// What the API has taken, in order.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u32>>>);

impl Written {
    fn write(&self) -> impl FnMut(&Received) -> Reply + Send + 'static {
        let written = self.clone();
        move |request| {
            let text = std::str::from_utf8(&request.body).unwrap();
            written.0.lock().unwrap().push(text.parse().unwrap());
            Reply::ok()
        }
    }

    fn now(&self) -> Vec<u32> {
        self.0.lock().unwrap().clone()
    }
}

fn put(uri: &Uri, version: u32) -> Request<Body> {
    Request::put(uri.clone()).body(Body::from(version.to_string())).unwrap()
}

async fn back(address: SocketAddr, written: &Written) -> Server {
    loop {
        if let Ok(server) = Server::bind(address, written.write()).await {
            return server;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn client() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

async fn send(outbox: &Outbox, http: &Http, request: Request<Body>) -> Sent<impl http_body::Body> {
    OutboxLayer::new(outbox.clone()).layer(http.clone()).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_newer_write_after_an_outage_waits_behind_the_one_that_was_deferred_in_it() {
    let (written, http, outbox) = (Written::default(), client(), Outbox::new(MemoryStore::new()));
    let server = Server::with(written.write()).await.unwrap();
    let (address, uri) = (server.address(), server.uri("/orders/17"));
    assert!(send(&outbox, &http, put(&uri, 1)).await.answered().is_some());

    server.stop().await;
    let Sent::Deferred(second) = send(&outbox, &http, put(&uri, 2)).await else { panic!("not deferred") };

    let _server = back(address, &written).await;
    let Sent::Deferred(third) = send(&outbox, &http, put(&uri, 3)).await else {
        panic!("sent, and to be overwritten by the second");
    };
    assert_eq!(written.now(), [1]);

    let _worker = outbox.worker(http.clone()).with_options(options().build().unwrap()).start();
    for ticket in [second, third] {
        let entry = tokio::time::timeout(seconds(20), ticket.ended()).await.unwrap().unwrap();
        assert_eq!(entry.state, State::Done);
    }
    assert_eq!(written.now(), [1, 2, 3]);
    assert!(send(&outbox, &http, put(&uri, 4)).await.answered().is_some(), "the way is free again");
}

/// A caller writes on and on, while the API comes and goes and a worker delivers.
#[tokio::test]
async fn writes_arrive_in_order_while_the_api_comes_and_goes() {
    let (written, http, outbox) = (Written::default(), client(), Outbox::new(MemoryStore::new()));
    let first = Server::with(written.write()).await.unwrap();
    let (address, uri) = (first.address(), first.uri("/orders/17"));
    let mut server = Some(first);
    let quick = Duration::from_millis(20);
    let options = options().backoff(Duration::from_millis(1), quick).hold_after(1_000);
    let _worker = outbox.worker(http.clone()).with_options(options.build().unwrap()).start();
    let (mut deferred, mut version) = (Vec::new(), 0);
    for _ in 0..5 {
        for up in [true, false] {
            if !up {
                server.take().unwrap().stop().await;
            }
            for _ in 0..4 {
                version += 1;
                deferred.extend(send(&outbox, &http, put(&uri, version)).await.ticket().cloned());
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        }
        server = Some(back(address, &written).await);
    }
    assert!(deferred.len() >= 20, "{}", deferred.len());
    for ticket in deferred {
        let entry = tokio::time::timeout(seconds(20), ticket.ended()).await.unwrap().unwrap();
        assert_eq!(entry.state, State::Done);
    }
    let mut once = written.now();
    // What was under way as the server stopped may have been taken, and then once more.
    once.dedup();
    assert_eq!(once, (1..=version).collect::<Vec<_>>());
}
