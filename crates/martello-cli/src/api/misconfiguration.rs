//! What is wrong with the URL or the machine, and not with the network: another attempt meets the same.

use std::{error::Error, io};

/// A chain of causes that is longer goes in circles.
const DEEPEST: usize = 32;

/// What keeps every request from the server, if this error says so.
pub(super) fn misconfiguration(error: &(dyn Error + 'static)) -> Option<&'static str> {
    std::iter::successors(Some(error), |error| inner(*error)).take(DEEPEST).find_map(told)
}

/// An `io::Error` that wraps another error leaves it out of its `source`.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped))
}

fn told(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use rustls::Error::{InvalidCertificate, InvalidMessage, PeerIncompatible};
    if error.downcast_ref().is_some_and(hyper::Error::is_parse) {
        return Some("the server does not speak HTTP there: see to the port, and whether it is https");
    }
    match error.downcast_ref()? {
        InvalidMessage(_) => {
            Some("the server does not speak TLS there: see to the port, and whether it is http")
        }
        InvalidCertificate(_) => Some(
            "this machine does not trust the server's certificate: SSL_CERT_FILE may name what it is to trust",
        ),
        PeerIncompatible(_) => Some("the server speaks no version of TLS that this command does"),
        _ => None,
    }
}
