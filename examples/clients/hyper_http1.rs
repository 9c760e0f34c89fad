//! A stack over hyper-util's client, with HTTP/1.1.
//!
//! ```text
//! cargo run --example hyper_http1
//! ```

use http::Version;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{Body, Stack};
use support::{BoxError, Log, Planner};
use tower::Layer;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (log, planner) = (Log::start(), Planner::start().await?);

    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let api = Stack::new().build()?.layer(http);

    support::deliver(api, Version::HTTP_11, &planner, &log).await
}
