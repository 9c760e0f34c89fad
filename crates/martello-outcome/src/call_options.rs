use std::time::Duration;

use http::Extensions;

/// What one request asks of the layers it passes, in place of what they are configured to do.
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

    /// One attempt and no more.
    #[must_use]
    pub fn without_retry(mut self) -> Self {
        self.once = true;
        self
    }

    /// This request may be sent again even when an earlier attempt may have been processed.
    #[must_use]
    pub fn assume_idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// The call's deadline, from its start to the response's head, in place of the layer's. Zero allows no
    /// time at all: the call ends at the first moment it would have to wait.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The options in these extensions of a request, or those that change nothing.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_default()
    }

    /// Whether [`CallOptions::without_retry`] was asked for.
    #[must_use]
    pub fn is_without_retry(&self) -> bool {
        self.once
    }

    /// Whether [`CallOptions::assume_idempotent`] was asked for.
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The deadline asked for.
    #[must_use]
    pub fn get_deadline(&self) -> Option<Duration> {
        self.deadline
    }
}
