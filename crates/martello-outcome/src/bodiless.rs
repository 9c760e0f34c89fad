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
