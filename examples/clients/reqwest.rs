//! reqwest's client.
//!
//! reqwest has its own types of request and response, so it wants a service around it; that lets it neither follow
//! redirects nor retry, which both belong outside.
//!
//! ```text
//! cargo run --example reqwest
//! ```

use http::Version;
use martello::{ReqwestService, Stack};
use reqwest::Client;
use support::{BoxError, Log, Planner};
use tower::Layer;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (log, planner) = (Log::start(), Planner::start().await?);

    // `no_proxy`, because the server is on this machine.
    let http = ReqwestService::new(Client::builder().no_proxy())?;
    let api = Stack::new().build()?.layer(http);

    support::deliver(api, Version::HTTP_11, &planner, &log).await
}
