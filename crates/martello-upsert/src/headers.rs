//! Which headers of a request identify its resource.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use martello_log::Redaction;

use crate::digest::Digest;

/// Headers that make the write conditional.
const CONDITIONS: [HeaderName; 5] = [
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
];

/// Headers that identify, date, trace or sign a single request.
const OF_ONE_REQUEST: [&str; 19] = [
    "b3",
    "baggage",
    "correlation-context",
    "correlation-id",
    "date",
    "idempotency-key",
    "newrelic",
    "request-id",
    "sentry-trace",
    "signature",
    "signature-input",
    "traceparent",
    "tracestate",
    "uber-trace-id",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-correlation-id",
    "x-idempotency-key",
    "x-request-id",
];
const OF_ONE_REQUEST_BEGIN: [&str; 2] = ["x-b3-", "x-datadog-"];

/// Headers that describe the body, its transfer or the response. A DELETE has few of them.
const OF_THE_MESSAGE: [&str; 15] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-type",
    "digest",
    "expect",
    "prefer",
    "repr-digest",
    "te",
    "transfer-encoding",
    "user-agent",
];

/// Whether this header carries a credential, which may differ for the same resource.
pub(crate) fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    Redaction::default().hides_value(name, value)
}

/// A digest of the headers that identify a resource beside its URL, such as `x-tenant`: all but those that
/// are known not to. `Host` is a part of the URL.
pub(crate) fn of_the_resource(headers: &HeaderMap) -> Digest {
    let counts = |name: &HeaderName, value: &HeaderValue| {
        *name != header::HOST
            && !CONDITIONS.contains(name)
            && !OF_ONE_REQUEST.contains(&name.as_str())
            && !OF_ONE_REQUEST_BEGIN.iter().any(|begin| name.as_str().starts_with(begin))
            && !OF_THE_MESSAGE.contains(&name.as_str())
            && !is_credential(name, value)
    };
    digest(headers.iter().filter(|(name, value)| counts(name, value)))
}

/// A digest of these headers. Values of the same name keep their order, which may matter.
pub(crate) fn digest<'a>(lines: impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)>) -> Digest {
    let mut lines: Vec<_> = lines.map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    lines.sort_by_key(|(name, _)| *name);
    Digest::of(lines.into_iter().flat_map(|(name, value)| [name.as_bytes(), value]))
}
