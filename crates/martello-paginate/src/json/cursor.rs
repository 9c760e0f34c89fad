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

/// How a cursor is read.
#[derive(Clone, Copy, Debug)]
enum CursorKind {
    Either,
    Token,
    Link,
}

/// Pages of a JSON body that names the next one: `{"data": […], "cursor": {"next": "…"}}`.
///
/// An absent, null or empty cursor ends the walk; a list that is absent or `null` is an error. A cursor that
/// is an absolute URL is a link, and followed; any other is a token, and becomes a parameter of the first
/// page's query.
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
#[must_use = "it describes pages; `Paginate` walks them"]
pub struct JsonCursor<T> {
    template: RequestTemplate<T>,
    items: ItemList,
    cursors: Vec<Pointer>,
    parameter: QueryName,
    kind: CursorKind,
}

impl<T> JsonCursor<T> {
    /// Pages that begin at this URL.
    ///
    /// # Errors
    ///
    /// When it is no absolute URL, or has a user name in it.
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

    /// Where the list of items is: a name, or a JSON Pointer (RFC 6901) through objects.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn items(mut self, at: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.items.at = Pointer::parse("items", at.as_ref())?;
        Ok(self)
    }

    /// Takes `null` in the place of the list for an empty one. Without this it is an error, as an absent list
    /// is: many a server answers what it could not do with status 200, and `null` where the list would be.
    pub fn null_is_empty(mut self) -> Self {
        self.items.null_is_empty = true;
        self
    }

    /// Where the next page's cursor is: a name, or a JSON Pointer (RFC 6901) through objects. A wrong place
    /// looks like the end of the pages: see to it that a second one comes.
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn cursor(mut self, at: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.cursors = vec![Pointer::parse("cursor", at.as_ref())?];
        Ok(self)
    }

    /// The name of the query parameter that bears a token, in clear or [as it stands in a URL](QueryName).
    pub fn parameter(mut self, name: impl AsRef<str>) -> Self {
        self.parameter = QueryName::new(name);
        self
    }

    /// Reads each cursor as a token, whatever it looks like.
    pub fn tokens(mut self) -> Self {
        self.kind = CursorKind::Token;
        self
    }

    /// Reads each cursor as a link, which may be relative to the page that it stands in.
    pub fn links(mut self) -> Self {
        self.kind = CursorKind::Link;
        self
    }

    /// Sends this header with each request, in place of one of that name.
    ///
    /// # Errors
    ///
    /// When it is none that can be sent.
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
