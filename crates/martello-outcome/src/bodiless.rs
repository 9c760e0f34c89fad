use http::StatusCode;

/// Whether a response with this status has no body, whatever it answers (RFC 9110 §6.4.1): 1xx, 204 and 304.
///
/// Nor has the response to a HEAD, and what follows a successful one to a CONNECT is a tunnel.
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
