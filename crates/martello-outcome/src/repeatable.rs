use http::HeaderMap;

use crate::{CallOptions, RequestHead};

/// Decides whether a request may be sent again when an earlier attempt may have been processed.
///
/// It may be when its method is idempotent by RFC 9110 §9.2.2 (GET, HEAD, OPTIONS, TRACE, PUT, DELETE), when
/// the user says so here or in its [`CallOptions`], or when it bears an `Idempotency-Key` and the user has
/// said that this server honours one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeatable {
    always: bool,
    by_key: bool,
}

impl Repeatable {
    /// Takes every request to be idempotent, whatever its method.
    #[must_use]
    pub fn assume_idempotent(mut self) -> Self {
        self.always = true;
        self
    }

    /// Takes a request with an `Idempotency-Key` header to be idempotent, because this server processes a key
    /// only once. To a server that does not know the header, the second request is simply a second request:
    /// hence it is off by default.
    #[must_use]
    pub fn honours_idempotency_key(mut self) -> Self {
        self.by_key = true;
        self
    }

    /// Whether this request may be sent again.
    #[must_use]
    pub fn allows(&self, head: RequestHead<'_>) -> bool {
        self.always
            || head.method.is_idempotent()
            || (self.by_key && has_key(head.headers))
            || CallOptions::of(head.extensions).is_idempotent()
    }
}

fn has_key(headers: &HeaderMap) -> bool {
    headers.get("idempotency-key").is_some_and(|key| !key.is_empty())
}
