//! Parses a bearer token and its expiry.

use std::{fmt, time::Duration};

use http::HeaderValue;
use serde::Deserialize;
use tokio::time::Instant;

/// A token is renewed this long before it expires, or when a tenth of its lifetime is left, whichever is
/// later.
const MARGIN: Duration = Duration::from_secs(30);

/// The value of `Authorization`, and when to renew it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    renew_at: Option<Instant>,
}

/// The response of an OAuth2 server (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Issued {
    access_token: String,
    expires_in: Option<f64>,
}

impl Token {
    /// Parses a token, alone or as JSON, that was requested at `made`. The error does not repeat the text.
    pub(super) fn parse(text: &str, made: Instant) -> Result<Self, &'static str> {
        let text = text.trim();
        let (token, life) = if text.starts_with('{') {
            let issued: Issued = serde_json::from_str(text)
                .map_err(|_| "the JSON has no access_token, or its expires_in is not a number")?;
            (issued.access_token, issued.expires_in)
        } else {
            (text.to_owned(), None)
        };
        let fits = |byte: u8| byte.is_ascii_graphic();
        if token.is_empty() || !token.bytes().all(fits) {
            return Err("a token is one word of printable ASCII characters");
        }
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| "it has characters that a header cannot contain")?;
        header.set_sensitive(true);
        let life = life.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let renew_at = life.and_then(|life| made.checked_add(life - MARGIN.min(life / 10)));
        Ok(Self { header, renew_at })
    }

    pub(super) fn is_due(&self) -> bool {
        self.renew_at.is_some_and(|at| at <= Instant::now())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("renew_at", &self.renew_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_bare_token_and_a_json_token() {
        let now = Instant::now();
        let bare = Token::parse("abc.d-e\n", now).unwrap();
        assert_eq!((bare.header.to_str().unwrap(), bare.renew_at), ("Bearer abc.d-e", None));
        let json =
            Token::parse(r#"{"access_token":"x","token_type":"Bearer","expires_in":3600}"#, now).unwrap();
        assert_eq!(json.renew_at, Some(now + Duration::from_secs(3_570)));
        let short = Token::parse(r#"{"access_token":"x","expires_in":10}"#, now).unwrap();
        assert_eq!(short.renew_at, Some(now + Duration::from_secs(9)));
        assert!(!format!("{short:?}").contains("Bearer"));
    }

    #[test]
    fn an_invalid_token_is_not_in_the_error() {
        for text in
            ["", "two words", r#"{"token":"s3cret"}"#, r#"{"access_token":"s3\ncret"}"#, "s3cr\u{e9}t"]
        {
            let error = Token::parse(text, Instant::now()).unwrap_err();
            assert!(!error.contains("s3"), "{error}");
        }
    }
}
