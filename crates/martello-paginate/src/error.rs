use std::{error::Error, fmt};

use bytes::Bytes;
use http::{StatusCode, response};
use martello_outcome::{BoxError, CallError, Excerpt, TrackingId};

use crate::{ParseError, Position};

/// How much of a body an error shows, in bytes.
const SHOWN_BODY: usize = 256;

/// What kind of error a [`PageError`] is.
///
/// ```
/// use martello_paginate::PageErrorKind;
///
/// assert!(!PageErrorKind::Status.is_final()); // the next poll requests the page again
/// assert!(PageErrorKind::Loop.is_final()); // the stream has ended
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PageErrorKind {
    /// No response came, or its body broke off or was too large: the source is a [`CallError`].
    Call,
    /// The status of the response is not that of a page.
    Status,
    /// The response does not have the expected form: the source is a [`ParseError`].
    Parse,
    /// The position does not give a valid request, or the client can never send it: then the source is a
    /// [`CallError`] of kind [`Unsendable`](martello_outcome::ErrorKind::Unsendable).
    Request,
    /// The server named a page that the stream has already fetched.
    Loop,
    /// The list has more pages than [`max_pages`](crate::Paginate::max_pages).
    TooManyPages,
    /// The next page is on another origin than the first.
    OtherOrigin,
}

impl PageErrorKind {
    /// Whether another request cannot help. The stream has ended then.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Request | Self::Loop | Self::TooManyPages | Self::OtherOrigin)
    }
}

/// Why the stream failed to deliver a page.
///
/// Unless its kind [is final](PageErrorKind::is_final), you can poll the stream again: it requests the same
/// page again.
///
/// It never shows a URL, a cursor or a header, and of the body only the first 256 bytes.
///
/// ```
/// use martello_paginate::{PageError, PageErrorKind};
///
/// fn may_go_on(error: &PageError) -> bool {
///     match error.kind() {
///         PageErrorKind::Status => error.status().is_some_and(|status| status.is_server_error()),
///         kind => !kind.is_final(),
///     }
/// }
/// ```
pub struct PageError(Box<Inner>);

struct Inner {
    kind: PageErrorKind,
    page: u32,
    position: Option<Position>,
    head: Option<response::Parts>,
    body: Option<Bytes>,
    source: Option<BoxError>,
}

impl PageError {
    pub(crate) fn new(kind: PageErrorKind, page: u32, position: Option<Position>) -> Self {
        Self(Box::new(Inner { kind, page, position, head: None, body: None, source: None }))
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_head(mut self, head: Option<response::Parts>) -> Self {
        self.0.head = head;
        self
    }

    pub(crate) fn with_body(mut self, body: Bytes) -> Self {
        self.0.body = Some(body);
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> PageErrorKind {
        self.0.kind
    }

    /// The number of the page, from 1.
    #[must_use]
    pub fn page(&self) -> u32 {
        self.0.page
    }

    /// The position of that page, to resume from it; `None` for the first page.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.0.position.as_ref()
    }

    /// The index of the item that failed to parse, from 0.
    #[must_use]
    pub fn item(&self) -> Option<usize> {
        self.parse_error().and_then(ParseError::item)
    }

    /// The head of the response, if one came.
    #[must_use]
    pub fn head(&self) -> Option<&response::Parts> {
        self.0.head.as_ref()
    }

    /// The status of the response, if one came.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.head().map(|head| head.status).or_else(|| self.call_error()?.last_status())
    }

    /// The body of the response, unchanged, if it is complete.
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        self.0.body.as_ref()
    }

    /// The `Trackingid` of the response, if a tracking layer read it.
    #[must_use]
    pub fn tracking_id(&self) -> Option<&TrackingId> {
        let last =
            || self.call_error()?.attempts().iter().rev().find_map(|attempt| attempt.tracking_id.as_ref());
        self.head().and_then(|head| head.extensions.get()).or_else(last)
    }

    /// The error of the failed call, if the call failed.
    #[must_use]
    pub fn call_error(&self) -> Option<&CallError> {
        self.0.source.as_deref()?.downcast_ref()
    }

    fn fmt_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered page {} with status", self.0.page)?;
        self.status().map_or(Ok(()), |status| write!(f, " {}", status.as_u16()))?;
        let body = self.body().filter(|body| !body.is_empty());
        body.map_or(Ok(()), |body| write!(f, ": {}", Excerpt::new(body, SHOWN_BODY)))
    }

    fn parse_error(&self) -> Option<&ParseError> {
        self.0.source.as_deref()?.downcast_ref()
    }
}

impl fmt::Display for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let page = self.0.page;
        match self.0.kind {
            PageErrorKind::Call => write!(f, "failed to fetch page {page}"),
            PageErrorKind::Status => self.fmt_status(f),
            PageErrorKind::Parse => {
                write!(f, "failed to parse page {page}; the error holds its body")
            }
            PageErrorKind::Request => write!(f, "cannot build a request from the position of page {page}"),
            PageErrorKind::Loop => {
                write!(f, "the server named an earlier page as page {page}: its cursors form a loop")
            }
            PageErrorKind::TooManyPages => {
                write!(
                    f,
                    "page {page} exceeds the limit of pages; raise `max_pages` if the list is that long"
                )
            }
            PageErrorKind::OtherOrigin => {
                write!(f, "page {page} is on another origin than the first page, and was not requested")
            }
        }?;
        self.tracking_id().map_or(Ok(()), |id| write!(f, " (Trackingid {id})"))
    }
}

/// Omits the URL, the cursor and the headers. Shows only the start of the body.
impl fmt::Debug for PageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageError")
            .field("kind", &self.0.kind)
            .field("page", &self.0.page)
            .field("status", &self.status())
            .field("tracking_id", &self.tracking_id())
            .field("body", &self.body().map(|body| Excerpt::new(body, SHOWN_BODY).to_string()))
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for PageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
