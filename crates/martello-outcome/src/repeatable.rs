use http::HeaderMap;

use crate::{CallOptions, RequestHead};

/// Decides whether a request may be sent again if the server may have processed an earlier attempt.
///
/// It may if its method is idempotent by RFC 9110 §9.2.2 (GET, HEAD, OPTIONS, TRACE, PUT, DELETE), if this
/// policy or its [`CallOptions`] treat it as idempotent, or if it has an `Idempotency-Key` and this policy
/// honours one.
///
/// ```
/// use martello_outcome::{Repeatable, RequestHead};
///
/// let post = http::Request::post("https://api.example/orders").header("idempotency-key", "\"a\"").body(())?;
/// assert!(!Repeatable::default().allows(RequestHead::from(&post)));
/// assert!(Repeatable::default().honours_idempotency_key().allows(RequestHead::from(&post)));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeatable {
    always: bool,
    by_key: bool,
}

impl Repeatable {
    /// Treats every request as idempotent, whatever its method.
    #[must_use]
    pub fn assume_idempotent(mut self) -> Self {
        self.always = true;
        self
    }

    /// Treats a request with an `Idempotency-Key` header as idempotent, because this server processes a key
    /// only once. Off by default, because a server that ignores the header processes the request twice.
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
