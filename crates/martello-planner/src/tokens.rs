//! OAuth2 by client credentials (RFC 6749 §4.4).

use std::{collections::HashMap, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use martello_testkit::Received;
use tokio::time::Instant;

use super::{answer::Answer, form};

/// The known client, and the tokens that were issued.
pub(crate) struct Tokens {
    client: String,
    secret: String,
    lives: Duration,
    issued: HashMap<String, Instant>,
    count: u64,
}

impl Tokens {
    pub(crate) fn new(client: String, secret: String, lives: Duration) -> Self {
        Self { client, secret, lives, issued: HashMap::new(), count: 0 }
    }

    /// How many were issued.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Revokes every token that was issued.
    pub(crate) fn revoke(&mut self) {
        self.issued.clear();
    }

    /// Issues a token for the client id and the secret, in a form or by `Basic`.
    pub(crate) fn issue(&mut self, request: &Received, nonce: u64) -> Answer {
        let field = |name| form::field(&request.body, name);
        if field("grant_type").as_deref() != Some("client_credentials") {
            return Answer::error(400, "unsupported_grant_type");
        }
        let basic = BASE64_STANDARD.encode(format!("{}:{}", self.client, self.secret));
        let by_basic =
            request.header("authorization").and_then(|value| value.strip_prefix("Basic ")) == Some(&basic);
        let by_form = field("client_id").as_ref() == Some(&self.client)
            && field("client_secret").as_ref() == Some(&self.secret);
        if !by_basic && !by_form {
            return Answer::error(401, "invalid_client").header("www-authenticate", "Basic");
        }
        let token = self.mint(nonce);
        let seconds = self.lives.as_secs();
        Answer::json(
            200,
            format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{seconds}}}"#),
        )
    }

    /// Creates a token without a request.
    pub(crate) fn mint(&mut self, nonce: u64) -> String {
        self.count += 1;
        let token = format!("token-{}-{nonce:016x}", self.count);
        let now = Instant::now();
        self.issued.retain(|_, ends| *ends > now);
        self.issued.insert(token.clone(), now + self.lives);
        token
    }

    /// Whether the request has a token that is valid now.
    pub(crate) fn allows(&self, request: &Received) -> bool {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        token.and_then(|token| self.issued.get(token)).is_some_and(|ends| *ends > Instant::now())
    }
}
