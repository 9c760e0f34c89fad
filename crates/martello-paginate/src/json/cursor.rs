use std::fmt::Display;

use bytes::Bytes;
use http::{Request, Uri};
use martello_outcome::{BoxError, ConfigError};
use serde::de::DeserializeOwned;

use super::{
    document::{Document, ItemList},
    pointer::Pointer,
    template::{RequestTemplate, resolve},
};
use crate::{PageResponse, Paged, ParseError, ParsedPage, Position, QueryName};

/// How to interpret a cursor.
#[derive(Clone, Copy, Debug)]
enum CursorKind {
    Either,
    Token,
    Link,
}

/// Pages with a JSON body that names the next page: `{"data": […], "cursor": {"next": "…"}}`.
///
/// An absent, null or empty cursor ends the stream; a list that is absent or `null` is an error. A cursor
/// that is an absolute URL is a link to the next page. Any other cursor is a token: it is sent as a query
/// parameter of the first page's URL.
///
/// # Defaults
///
/// | what | default |
/// |---|---|
/// | [items](Self::items) | `data` |
/// | [cursor](Self::cursor) | `/cursor/next`, and where there is none, `/cursors/next` |
/// | [parameter](Self::parameter) | `cursor` |
/// | headers | `Accept: application/json` |
///
/// ```
/// use martello_paginate::JsonCursor;
///
/// let plannings = JsonCursor::<serde_json::Value>::new("https://api.example/planning/v1/plannings?limit=100")?
///     .items("plannings")?
///     .parameter("page_token")
///     .cursor("/paging/next")?;
/// # Ok::<(), martello_paginate::ConfigError>(())
/// ```
#[derive(Debug)]
#[must_use = "it describes pages; `Paginate` reads them"]
pub struct JsonCursor<T> {
    template: RequestTemplate<T>,
    items: ItemList,
    cursors: Vec<Pointer>,
    parameter: QueryName,
    kind: CursorKind,
}

impl<T> JsonCursor<T> {
    /// Describes the pages that start at this URL.
    ///
    /// # Errors
    ///
    /// When it is not an absolute URL, or contains a user name.
    pub fn new<U>(url: U) -> Result<Self, ConfigError>
    where
        U: TryInto<Uri>,
        U::Error: Display,
    {
        Ok(Self {
            template: RequestTemplate::new(url)?,
            items: ItemList { at: Pointer::parse("items", "data")?, null_is_empty: false },
            cursors: vec![
                Pointer::parse("cursor", "/cursor/next")?,
                Pointer::parse("cursor", "/cursors/next")?,
            ],
            parameter: QueryName::new("cursor"),
            kind: CursorKind::Either,
        })
    }

    /// Sets where the list of items is: a member name, or a JSON Pointer (RFC 6901) through objects.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn items(mut self, at: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.items.at = Pointer::parse("items", at.as_ref())?;
        Ok(self)
    }

    /// Accepts `null` as an empty list. By default `null` is an error, like an absent list: many servers
    /// report a failure with status 200 and `null` in place of the list.
    pub fn null_is_empty(mut self) -> Self {
        self.items.null_is_empty = true;
        self
    }

    /// Sets where the cursor of the next page is: a member name, or a JSON Pointer (RFC 6901) through
    /// objects. A wrong pointer looks like the end of the list, so test it with a list of two pages.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn cursor(mut self, at: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.cursors = vec![Pointer::parse("cursor", at.as_ref())?];
        Ok(self)
    }

    /// Sets the name of the query parameter for a token, decoded or [percent-encoded](QueryName).
    pub fn parameter(mut self, name: impl AsRef<str>) -> Self {
        self.parameter = QueryName::new(name);
        self
    }

    /// Treats every cursor as a token, even if it looks like a URL.
    pub fn tokens(mut self) -> Self {
        self.kind = CursorKind::Token;
        self
    }

    /// Treats every cursor as a link, which may be relative to the URL of its page.
    pub fn links(mut self) -> Self {
        self.kind = CursorKind::Link;
        self
    }

    /// Sends this header with each request. It replaces a header of the same name.
    ///
    /// # Errors
    ///
    /// When the name or the value is invalid.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.template.header(name.as_ref(), value.as_ref())?;
        Ok(self)
    }

    fn next(&self, document: &Document<'_>, asked: &Uri) -> Result<Option<Position>, ParseError> {
        for place in &self.cursors {
            let Some(cursor) = document.cursor(place)? else { continue };
            let position = match self.is_link(&cursor) {
                true => resolve(asked, &cursor),
                false => Position::try_from(cursor).map_err(ParseError::new),
            };
            return position.map(Some).map_err(|error| error.at(place.shown()));
        }
        Ok(None)
    }

    fn is_link(&self, cursor: &str) -> bool {
        let absolute = || cursor.starts_with("https://") || cursor.starts_with("http://");
        match self.kind {
            CursorKind::Either => absolute(),
            CursorKind::Token => false,
            CursorKind::Link => true,
        }
    }
}

impl<T: DeserializeOwned> Paged for JsonCursor<T> {
    type Item = T;

    fn request(&self, at: Option<&Position>) -> Result<Request<Bytes>, BoxError> {
        match at {
            None => Ok(self.template.first()),
            Some(link) if self.is_link(link.as_str()) => self.template.linked(link),
            Some(token) => self.template.with(&self.parameter, token.as_str()),
        }
    }

    fn parse(&self, response: PageResponse<'_>) -> Result<ParsedPage<T>, ParseError> {
        let document = Document::parse(response.body)?;
        Ok(ParsedPage { items: document.items(&self.items)?, next: self.next(&document, response.uri)? })
    }
}
