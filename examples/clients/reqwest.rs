//! A stack over reqwest's client.
//!
//! reqwest has its own types of request and response. `ReqwestService` wraps it as a service of `http`
//! requests, and turns off its redirects and retries, because both belong outside the client.
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

    // `no_proxy`, because this server is on the same machine.
    let http = ReqwestService::new(Client::builder().no_proxy())?;
    let api = Stack::new().build()?.layer(http);

    support::deliver(api, Version::HTTP_11, &planner, &log).await
}
