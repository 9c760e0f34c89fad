//! A stack over hyper-util's client with TLS, through hyper-rustls: HTTP/2 where the server offers it, else
//! HTTP/1.1.
//!
//! ```text
//! cargo run --example hyper_tls
//! ```

use http::Version;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use martello::{Body, Stack};
use support::{BoxError, Log, Planner, Protocols, Tls};
use tower::Layer;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (log, tls) = (Log::start(), Tls::new()?);
    let planner = Planner::start_with(&tls, Protocols::Http2).await?;

    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls.trusted()?)
        .https_only()
        .enable_all_versions()
        .wrap_connector(tcp);
    let http = Client::builder(TokioExecutor::new()).build::<_, Body>(https);
    let api = Stack::new().build()?.layer(http);

    support::deliver(api, Version::HTTP_2, &planner, &log).await
}
