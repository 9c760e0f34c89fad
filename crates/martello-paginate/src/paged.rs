use std::{error::Error, fmt};

use bytes::Bytes;
use http::{Request, StatusCode, Uri, response};
use martello_outcome::{BoxError, TrackingId};

use crate::Position;

/// Describes the pages of an API: builds the request for a position and parses a response. It does no I/O.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use martello_paginate::{PageResponse, BoxError, Paged, ParseError, ParsedPage, Position};
///
/// /// Pages of lines. A header names the next page.
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
    /// The type of an item.
    type Item;

    /// Builds the request for the page at this position, or for the first page. Its URI is absolute.
    ///
    /// # Errors
    ///
    /// When the position does not give a valid request. The message must not show the position.
    fn request(&self, at: Option<&Position>) -> Result<Request<Bytes>, BoxError>;

    /// Parses a response: its items, and the position of the next page.
    ///
    /// # Errors
    ///
    /// When the response does not have the expected form. No item of the page is delivered then.
    fn parse(&self, response: PageResponse<'_>) -> Result<ParsedPage<Self::Item>, ParseError>;

    /// Whether a response with this status is a page; by default, any 2xx. Any other status is an error.
    fn accepts(&self, status: StatusCode) -> bool {
        status.is_success()
    }
}

/// A response with its whole body.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PageResponse<'a> {
    /// The URI of the request.
    pub uri: &'a Uri,
    /// The head of the response.
    pub head: &'a response::Parts,
    /// The body of the response.
    pub body: &'a Bytes,
}

impl<'a> PageResponse<'a> {
    /// A response to a request for this URI, for tests of your own [`Paged`].
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Response, Uri};
    /// use martello_paginate::{JsonCursor, Paged, PageResponse};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let orders = JsonCursor::<u32>::new("https://api.example/orders")?;
    /// let uri = Uri::from_static("https://api.example/orders");
    /// let (head, ()) = Response::new(()).into_parts();
    /// let body = Bytes::from_static(br#"{"data":[1,2],"cursor":{"next":"c2"}}"#);
    ///
    /// let page = orders.parse(PageResponse::new(&uri, &head, &body))?;
    /// assert_eq!(page.items, [1, 2]);
    /// assert_eq!(page.next.unwrap().as_str(), "c2");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(uri: &'a Uri, head: &'a response::Parts, body: &'a Bytes) -> Self {
        Self { uri, head, body }
    }
}

/// What [`Paged::parse`] returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsedPage<T> {
    /// The items of the page, in the server's order; may be empty.
    pub items: Vec<T>,
    /// The position of the next page; `None` if this is the last.
    pub next: Option<Position>,
}

/// A page of a list, with the head of its response.
///
/// ```
/// use martello_paginate::Page;
///
/// fn is_last<T>(page: &Page<T>) -> bool {
///     page.next.is_none()
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items, in the server's order; may be empty.
    pub items: Vec<T>,
    /// The number of the page, from 1.
    pub number: u32,
    /// The position of the page; `None` for the first.
    pub position: Option<Position>,
    /// The position of the next page; `None` if this is the last.
    pub next: Option<Position>,
    /// The head of the response.
    pub head: response::Parts,
}

impl<T> Page<T> {
    /// The `Trackingid` of the response, if a tracking layer read it.
    #[must_use]
    pub fn tracking_id(&self) -> Option<&TrackingId> {
        self.head.extensions.get()
    }
}

/// Why a response failed to parse.
///
/// ```
/// use martello_paginate::ParseError;
///
/// let error = ParseError::new("expected a string").at("/data").at_item(3);
/// assert_eq!(error.to_string(), "item 3 (`/data/3`) has an unexpected form");
/// assert_eq!(error.item(), Some(3));
/// ```
#[derive(Debug)]
pub struct ParseError {
    place: Option<String>,
    item: Option<usize>,
    source: BoxError,
}

impl ParseError {
    /// An error with this source.
    #[must_use]
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self { place: None, item: None, source: source.into() }
    }

    /// Sets the place in the body that the error is about, such as `/cursor/next`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Sets the index of the item that the error is about, from 0.
    #[must_use]
    pub fn at_item(mut self, item: usize) -> Self {
        self.item = Some(item);
        self
    }

    /// The index of the item that the error is about, from 0.
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
