//! A stack over hyper-util's client, with HTTP/2, to a server that is known to support it.
//!
//! Enable the feature `h2`: then a stream that the server refused, or did not start before it went away,
//! counts as unsent and is retried for every method.
//!
//! ```text
//! cargo run --example hyper_http2
//! ```

use http::Version;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use martello::{Body, Stack};
use support::{BoxError, Log, Planner};
use tower::Layer;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (log, planner) = (Log::start(), Planner::start().await?);

    let mut tcp = HttpConnector::new();
    // The head and the body are separate frames. Without this, the body waits for the acknowledgement of the
    // head.
    tcp.set_nodelay(true);
    let http = Client::builder(TokioExecutor::new()).http2_only(true).build::<_, Body>(tcp);
    let api = Stack::new().build()?.layer(http);

    support::deliver(api, Version::HTTP_2, &planner, &log).await
}
