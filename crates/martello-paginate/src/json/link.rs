use std::fmt::Display;

use bytes::Bytes;
use http::{Request, Uri};
use martello_outcome::{BoxError, ConfigError};
use serde::de::DeserializeOwned;

use super::{
    document::{Document, ItemList},
    link_header,
    pointer::Pointer,
    template::{RequestTemplate, resolve},
};
use crate::{PageResponse, Paged, ParseError, ParsedPage, Position};

/// Pages of a JSON body, whose next is named by a `Link` header with `rel="next"` (RFC 8288).
///
/// The header may have several lines, of several links each; a target may be relative to the page. A walk
/// ends where there is no such link. A header that cannot be read, and in which no such link was found, is an
/// error and not the end.
///
/// ```
/// use martello_paginate::JsonLink;
///
/// // The body is the list: `[…]`.
/// let orders = JsonLink::<serde_json::Value>::new("https://api.example/orders?per_page=100")?;
/// // The list is somewhere in it: `{"result": {"rows": […]}}`.
/// let orders = orders.items("/result/rows")?;
/// # Ok::<(), martello_paginate::ConfigError>(())
/// ```
#[derive(Debug)]
#[must_use = "it describes pages; `Paginate` walks them"]
pub struct JsonLink<T> {
    template: RequestTemplate<T>,
    items: ItemList,
}

impl<T> JsonLink<T> {
    /// Pages that begin at this URL. `Accept: application/json` goes along.
    ///
    /// # Errors
    ///
    /// When it is no absolute URL, or has a user name in it.
    pub fn new<U>(url: U) -> Result<Self, ConfigError>
    where
        U: TryInto<Uri>,
        U::Error: Display,
    {
        Ok(Self { template: RequestTemplate::new(url)?, items: ItemList::default() })
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

    /// Sends this header with each request, in place of one of that name.
    ///
    /// # Errors
    ///
    /// When it is none that can be sent.
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.template.header(name.as_ref(), value.as_ref())?;
        Ok(self)
    }
}

impl<T: DeserializeOwned> Paged for JsonLink<T> {
    type Item = T;

    fn request(&self, at: Option<&Position>) -> Result<Request<Bytes>, BoxError> {
        at.map_or_else(|| Ok(self.template.first()), |link| self.template.linked(link))
    }

    fn parse(&self, response: PageResponse<'_>) -> Result<ParsedPage<T>, ParseError> {
        let items = Document::parse(response.body)?.items(&self.items)?;
        let same = |anchor: &str| {
            let page = resolve(response.uri, "").ok();
            page.is_some() && resolve(response.uri, anchor).ok() == page
        };
        let next = link_header::next(&response.head.headers, same)?;
        let next = next.map(|link| resolve(response.uri, &link)).transpose()?;
        Ok(ParsedPage { items, next })
    }
}
