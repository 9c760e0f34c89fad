use std::fmt;

use http::{Extensions, HeaderMap, Response, StatusCode, response::Parts};

/// The borrowed head of a response, without the type of its body.
///
/// Its `Debug` output has the names of the header fields, without their values.
///
/// ```
/// use martello_retry::RetryLayer;
///
/// let layer = RetryLayer::builder()
///     .decide(|attempt| match attempt.response {
///         Some(response) if response.headers.contains_key("x-do-not-retry") => attempt.retry_if(false),
///         _ => attempt.default_decision(),
///     })
///     .build()?;
/// # Ok::<(), martello_retry::ConfigError>(())
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The extensions that layers inside have set.
    pub extensions: &'a Extensions,
}

impl<'a> ResponseHead<'a> {
    pub(crate) fn of<B>(response: &'a Response<B>) -> Self {
        Self { status: response.status(), headers: response.headers(), extensions: response.extensions() }
    }

    pub(crate) fn of_parts(parts: &'a Parts) -> Self {
        Self { status: parts.status, headers: &parts.headers, extensions: &parts.extensions }
    }
}

impl fmt::Debug for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("ResponseHead")
            .field("status", &self.status)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}
