use http::StatusCode;

/// Whether a response with this status never has a body (RFC 9110 §6.4.1): 1xx, 204 and 304.
///
/// The response to a HEAD has no body either, and a tunnel follows a successful response to a CONNECT.
///
/// ```
/// use http::StatusCode;
///
/// assert!(martello_outcome::is_bodiless(StatusCode::NO_CONTENT));
/// assert!(!martello_outcome::is_bodiless(StatusCode::OK));
/// ```
#[must_use]
pub fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Whether a server that answers with this error status may have processed the request: any 5xx but 503. A
/// server that answers 503 did not begin.
///
/// ```
/// use http::StatusCode;
/// use martello_outcome::status_may_be_processed;
///
/// assert!(status_may_be_processed(StatusCode::BAD_GATEWAY));
/// assert!(!status_may_be_processed(StatusCode::SERVICE_UNAVAILABLE));
/// ```
#[must_use]
pub fn status_may_be_processed(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_interim_204_and_304_are() {
        let bodiless = (100..600).filter(|status| is_bodiless(StatusCode::from_u16(*status).unwrap()));
        let others: Vec<_> = bodiless.filter(|status| *status >= 200).collect();
        assert_eq!(others, [204, 304]);
        assert!(is_bodiless(StatusCode::SWITCHING_PROTOCOLS));
    }
}
