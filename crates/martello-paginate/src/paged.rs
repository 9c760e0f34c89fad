use std::{error::Error, fmt};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, response};
use martello_outcome::{BoxError, TrackingId};

use crate::Position;

/// What the pages of an API look like: the request for a position, and the parse of a response. Without I/O.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use martello_paginate::{PageResponse, BoxError, Paged, ParseError, ParsedPage, Position};
///
/// /// Pages of lines; a header names the next.
/// struct Lines;
///
/// impl Paged for Lines {
///     type Item = String;
///
///     fn request(&self, at: Option<&Position>) -> Result<Request<Bytes>, BoxError> {
///         let page = at.map_or("1", Position::as_str);
///         Ok(Request::get("https://api.example/lines").header("x-page", page).body(Bytes::new())?)
///     }
///
///     fn parse(&self, response: PageResponse<'_>) -> Result<ParsedPage<String>, ParseError> {
///         let text = std::str::from_utf8(response.body).map_err(ParseError::new)?;
///         let next = response.head.headers.get("x-next").and_then(|next| next.to_str().ok());
///         let next = next.map(str::parse).transpose().map_err(ParseError::new)?;
///         Ok(ParsedPage { items: text.lines().map(str::to_owned).collect(), next })
///     }
/// }
/// ```
pub trait Paged {
    /// What a page is made of.
    type Item;

    /// The request for the page at this position, or for the first one. Its URI is absolute.
    ///
    /// # Errors
    ///
    /// When no request can be made of the position. The message must not show it.
    fn request(&self, at: Option<&Position>) -> Result<Request<Bytes>, BoxError>;

    /// What a response holds, and where the next page is.
    ///
    /// # Errors
    ///
    /// When the response is not of the expected shape; nothing of the page is delivered then.
    fn parse(&self, response: PageResponse<'_>) -> Result<ParsedPage<Self::Item>, ParseError>;

    /// Whether a response of this status is a page: 2xx unless you say otherwise. Any other is an error.
    fn accepts(&self, status: StatusCode) -> bool {
        status.is_success()
    }
}

/// A response whose body is all there.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PageResponse<'a> {
    /// What was asked for.
    pub uri: &'a Uri,
    /// The response's head.
    pub head: &'a response::Parts,
    /// The response's body.
    pub body: &'a Bytes,
}

impl<'a> PageResponse<'a> {
    /// The response to a request for this URI. For tests of your own [`Paged`].
    #[must_use]
    pub fn new(uri: &'a Uri, head: &'a response::Parts, body: &'a Bytes) -> Self {
        Self { uri, head, body }
    }
}

/// What a [`Paged`] made of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedPage<T> {
    /// What the page holds, in the server's order; it may be nothing.
    pub items: Vec<T>,
    /// Where the next page is; `None` if this is the last.
    pub next: Option<Position>,
}

/// A page, as it came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// What it holds, in the server's order; it may be nothing.
    pub items: Vec<T>,
    /// Which page of the walk it is, from 1.
    pub number: u32,
    /// Where it is; `None` for the first.
    pub position: Option<Position>,
    /// Where the next one is; `None` if this is the last.
    pub next: Option<Position>,
    /// The head of the response that it came in.
    pub head: response::Parts,
}

impl<T> Page<T> {
    /// The server's own name for the exchange, where a tracking layer has read it.
    #[must_use]
    pub fn tracking_id(&self) -> Option<&TrackingId> {
        self.head.extensions.get()
    }
}

/// Why a response is no page.
#[derive(Debug)]
pub struct ParseError {
    place: Option<String>,
    item: Option<usize>,
    source: BoxError,
}

impl ParseError {
    /// An error with this cause.
    #[must_use]
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self { place: None, item: None, source: source.into() }
    }

    /// This error, about a place in the body, such as `/cursor/next`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// This error, about one item of the page, counted from 0.
    #[must_use]
    pub fn at_item(mut self, item: usize) -> Self {
        self.item = Some(item);
        self
    }

    /// The item that it is about, counted from 0.
    #[must_use]
    pub fn item(&self) -> Option<usize> {
        self.item
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.item) {
            (Some(place), Some(item)) => write!(f, "item {item} (`{place}/{item}`) has an unexpected form"),
            (Some(place), None) => write!(f, "`{place}` has an unexpected form"),
            (None, Some(item)) => write!(f, "item {item} (from 0) has an unexpected form"),
            (None, None) => f.write_str("the response has an unexpected form"),
        }
    }
}

impl Error for ParseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
