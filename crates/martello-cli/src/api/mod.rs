//! The HTTP client of `upsert` and `poll`: a client with TLS, credentials on each attempt, and a stack around
//! both.

mod authenticated;
mod credentials;
mod fetch;
mod headers;
mod misconfiguration;
mod token;

use std::time::Duration;

use http::{Uri, uri::Scheme};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use martello::{
    Body, Budget, ConcurrencyLimitLayer, ConfigError, Stack, Stacked,
    retry::{AttemptView, Decision},
};
use rustls::crypto::ring;
use tower_layer::Layer;

use self::authenticated::Authenticated;
pub(crate) use self::{credentials::Credentials, headers::plain as headers};
use crate::{args::ApiArgs, error::CommandError};

/// The largest response body that is read, in bytes.
const LARGEST: usize = 64 << 20;
/// The retry budget: deposit per success, initial balance, maximum. Generous enough for a network that loses
/// every fifth request; an outage exhausts it quickly.
const BUDGET: (f64, u32, u32) = (0.5, 100, 500);
const CONNECT: Duration = Duration::from_secs(10);

type Http = Client<HttpsConnector<HttpConnector>, Body>;

/// The stack around the client.
pub(crate) type Service = Stacked<Authenticated<Http>>;

/// Builds the service for the API at `url`.
///
/// # Errors
///
/// If credentials would be sent to `url` without TLS.
pub(crate) fn service(
    args: &ApiArgs,
    url: &Uri,
    concurrency: usize,
    credentials: &Credentials,
) -> Result<Service, CommandError> {
    if credentials.are_there() && url.scheme() != Some(&Scheme::HTTPS) && !is_loopback(url) {
        return Err(CommandError::usage(
            "credentials require https: without TLS, others on the network can read them",
        ));
    }
    let (per_success, reserve, most) = BUDGET;
    let budget = Budget::new(per_success, reserve, most)?;
    let asked = credentials.clone();
    // After an interrupt no new token is read, so a retry could not succeed.
    let decide = move |attempt: &AttemptView<'_>| match asked.are_interrupted() {
        true => Decision::Stop,
        false => attempt.default_decision(),
    };
    let stack = Stack::new()
        .retry(|retry| retry.attempts(args.attempts).budget(budget).whole_responses(LARGEST).decide(decide))
        .limit(ConcurrencyLimitLayer::new(concurrency)?)
        .without_log()
        .build()?;
    Ok(stack.layer(Authenticated::new(client(url)?, credentials.clone())))
}

fn client(url: &Uri) -> Result<Http, CommandError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let builder = HttpsConnectorBuilder::new();
    let tls = if url.scheme() == Some(&Scheme::HTTPS) {
        builder.with_provider_and_native_roots(ring::default_provider())
    } else {
        // Plain http needs no trusted certificates.
        rustls::ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map(|tls| tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
            .map(|tls| builder.with_tls_config(tls))
            .map_err(std::io::Error::other)
    };
    let message = "failed to read this machine's trusted certificates: set SSL_CERT_FILE to a file with them";
    let tls = tls.map_err(|error| CommandError::other(message).with_source(error))?;
    let connector = tls.https_or_http().enable_all_versions().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

fn is_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// A command-line value is out of range.
impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_loopback_hosts_from_others() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/x", true),
            ("http://[::1]/x", true),
            ("http://localhost/x", true),
            ("http://localhost.example/x", false),
            ("http://10.0.0.1/x", false),
        ] {
            assert_eq!(is_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
