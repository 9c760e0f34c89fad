//! Recognises errors of the URL or the machine, which another attempt would meet again.

use std::{error::Error, io};

/// The maximum number of sources that are followed.
const DEEPEST: usize = 32;

/// Describes why no request can reach the server, if this error or one of its sources shows it.
pub(super) fn misconfiguration(error: &(dyn Error + 'static)) -> Option<&'static str> {
    std::iter::successors(Some(error), |error| inner(*error)).take(DEEPEST).find_map(describe)
}

/// The source, or the error that an `io::Error` wraps, which its `source` skips.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped))
}

fn describe(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use rustls::Error::{InvalidCertificate, InvalidMessage, PeerIncompatible};
    if error.downcast_ref().is_some_and(hyper::Error::is_parse) {
        return Some(
            "the server does not speak HTTP on this port: check the port, and whether the URL needs https",
        );
    }
    match error.downcast_ref()? {
        InvalidMessage(_) => {
            Some("the server does not speak TLS on this port: check the port, and whether the URL needs http")
        }
        InvalidCertificate(_) => Some(
            "this machine does not trust the server's certificate: set SSL_CERT_FILE to a file with its issuer",
        ),
        PeerIncompatible(_) => Some("the server supports no TLS version that this command supports"),
        _ => None,
    }
}
