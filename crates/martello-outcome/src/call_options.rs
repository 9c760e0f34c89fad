use std::time::Duration;

use http::Extensions;

/// Options of one request. They override the configuration of the layers that it passes.
///
/// ```
/// use std::time::Duration;
/// use martello_outcome::CallOptions;
///
/// let mut request = http::Request::post("https://api.example/orders").body(())?;
/// request.extensions_mut().insert(CallOptions::new().assume_idempotent().deadline(Duration::from_secs(5)));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallOptions {
    once: bool,
    idempotent: bool,
    deadline: Option<Duration>,
}

impl CallOptions {
    /// Options that change nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one attempt only.
    #[must_use]
    pub fn without_retry(mut self) -> Self {
        self.once = true;
        self
    }

    /// Treats this request as idempotent: it may be sent again even if the server may have processed an
    /// earlier attempt.
    #[must_use]
    pub fn assume_idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The deadline of the call, from its start to the response's head, in place of the layer's. With zero,
    /// the call ends as soon as it would have to wait.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The options in these extensions of a request; by default, options that change nothing.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }

    /// Whether [`CallOptions::without_retry`] is set.
    #[must_use]
    pub fn is_without_retry(&self) -> bool {
        self.once
    }

    /// Whether [`CallOptions::assume_idempotent`] is set.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The deadline, if one is set.
    #[must_use]
    pub fn get_deadline(&self) -> Option<Duration> {
        self.deadline
    }
}
