//! Writes whose first response was lost.

mod condition;
mod earlier_runs;
mod one_run;

use std::{
    io,
    sync::{Arc, Mutex},
};

use futures_util::stream;
use http::{Method, Request, Response};
use martello_body::Body;
use martello_retry::RetryLayer;
use martello_upsert::{Record, UpsertAll};
use tower::{Layer, service_fn};

use crate::support::records;

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

/// The server's response to a write: a status, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Status(u16),
    Nothing,
}

/// The outcome of a write that gets these responses in turn, and how often its target was read. The target
/// has this status and the body `found`.
async fn written(
    method: Method,
    replies: &[Reply],
    (status, found): (u16, &'static str),
    set: impl FnOnce(UpsertAll<()>) -> UpsertAll<()>,
) -> (Record, u32) {
    let state = Arc::new(Mutex::new((replies.to_vec(), 0)));
    let server = Arc::clone(&state);
    let service = service_fn(move |request: Request<Body>| {
        let mut state = server.lock().unwrap();
        let replies = match request.method() {
            &Method::GET => {
                state.1 += 1;
                Reply::Status(status)
            }
            _ => state.0.remove(0),
        };
        std::future::ready(match replies {
            Reply::Status(status) => Ok(Response::builder().status(status).body(Body::from(found)).unwrap()),
            Reply::Nothing => Err(reset()),
        })
    });
    let attempts = u32::try_from(replies.len()).unwrap();
    let stack = RetryLayer::builder().attempts(attempts).assume_idempotent().build().unwrap().layer(service);
    let upserts = UpsertAll::new(stack, move |(): &()| {
        let body = if method == Method::DELETE { "" } else { "ours" };
        Request::builder().method(method.clone()).uri("http://api/orders/a").body(body)
    });
    let record = records(set(upserts), stream::iter([()])).await.remove(0);
    assert_eq!(state.lock().unwrap().0, [], "all was said");
    let reads = state.lock().unwrap().1;
    (record, reads)
}

/// Reads back with a comparison that is always true.
fn believing(upserts: UpsertAll<()>) -> UpsertAll<()> {
    upserts.read_back(|_, _| true)
}

fn comparing(upserts: UpsertAll<()>) -> UpsertAll<()> {
    upserts.read_back(|sent, found| sent.body() == found.body())
}

const METHODS: [Method; 4] = [Method::PUT, Method::POST, Method::PATCH, Method::DELETE];
