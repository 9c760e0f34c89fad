//! An API in memory that answers from a script.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Response};
use http_body_util::Full;
use martello_body::Body;
use martello_paginate::{Items, PageError, Paged, Paginate};
use tower::Service;

pub(crate) const URL: &str = "https://api.example/plannings?limit=2";

pub(crate) fn ok(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::new(Full::new(body.into()))
}

pub(crate) fn status(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::from(body)).unwrap()
}

pub(crate) fn linked(body: &'static str, lines: &[&str]) -> Response<Full<Bytes>> {
    let mut response = ok(body);
    for line in lines {
        response.headers_mut().append("link", http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    response
}

#[derive(Clone, Default)]
pub(crate) struct Api(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    answers: VecDeque<Response<Full<Bytes>>>,
    asked: Vec<Request<()>>,
}

impl Api {
    pub(crate) fn new(answers: impl IntoIterator<Item = Response<Full<Bytes>>>) -> Self {
        Self(Arc::new(Mutex::new(Script { answers: answers.into_iter().collect(), asked: Vec::new() })))
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().asked.iter().map(|request| request.uri().to_string()).collect()
    }

    /// A header of the first request.
    pub(crate) fn header(&self, name: &str) -> String {
        let script = self.0.lock().unwrap();
        script.asked.first().unwrap().headers().get(name).unwrap().to_str().unwrap().to_owned()
    }
}

impl Service<Request<Body>> for Api {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut script = self.0.lock().unwrap();
        script.asked.push(request.map(drop));
        let answer = script.answers.pop_front().unwrap();
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(answer)
        })
    }
}

/// All items, to the first error or the end.
pub(crate) async fn all<P: Paged>(paginate: &Paginate<Api, P>) -> Result<Vec<P::Item>, PageError> {
    let mut items = Box::pin(paginate.items());
    let mut all = Vec::new();
    while let Some(item) = items.next().await {
        all.push(item?);
    }
    Ok(all)
}

/// So many results, whatever they are.
pub(crate) async fn results<P: Paged>(
    items: Items<Api, P, Body, Full<Bytes>>,
    count: usize,
) -> Vec<Result<P::Item, PageError>> {
    items.take(count).collect().await
}
