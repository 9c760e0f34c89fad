//! A client, and what it gets.

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use martello_planner::Planner;

pub(crate) struct Http<'a> {
    pub(crate) planner: &'a Planner,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A status (0 if there was no answer), the headers, and the body as text.
pub(crate) type Got = (u16, HeaderMap, String);

impl<'a> Http<'a> {
    pub(crate) fn new(planner: &'a Planner) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        Self { planner, client: builder.retry_canceled_requests(false).build_http() }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send("GET", path, &[], "").await
    }

    pub(crate) async fn put(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        self.send("PUT", path, headers, body).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut request = Request::builder().method(method).uri(self.planner.uri(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).unwrap();
        let Ok(response) = self.client.request(request).await else {
            return (0, HeaderMap::new(), String::new());
        };
        let (head, body) = response.into_parts();
        let Ok(body) = body.collect().await else { return (0, head.headers, String::new()) };
        (head.status.as_u16(), head.headers, String::from_utf8(body.to_bytes().to_vec()).unwrap())
    }
}
