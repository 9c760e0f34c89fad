//! hyper-util's client over HTTP/2, to a server that is known to speak it.
//!
//! With the feature `h2` a stream that the server refused, and one that it did not come to before it went away, are
//! unsent, and go again whatever the method.
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
    // Head and body go in frames of their own, and the second must not wait until the first is confirmed.
    tcp.set_nodelay(true);
    let http = Client::builder(TokioExecutor::new()).http2_only(true).build::<_, Body>(tcp);
    let api = Stack::new().build()?.layer(http);

    support::deliver(api, Version::HTTP_2, &planner, &log).await
}
