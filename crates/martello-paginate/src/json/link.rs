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

/// Pages with a JSON body and a `Link` header with `rel="next"` that names the next page (RFC 8288).
///
/// There may be several `Link` headers with several links each. A link may be relative to the URL of its
/// page. The stream ends at a page without such a link. A malformed header without such a link is an error,
/// not the end.
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
#[must_use = "it describes pages; `Paginate` reads them"]
pub struct JsonLink<T> {
    template: RequestTemplate<T>,
    items: ItemList,
}

impl<T> JsonLink<T> {
    /// Describes the pages that start at this URL. Requests have `Accept: application/json`.
    ///
    /// # Errors
    ///
    /// When it is not an absolute URL, or contains a user name.
    pub fn new<U>(url: U) -> Result<Self, ConfigError>
    where
        U: TryInto<Uri>,
        U::Error: Display,
    {
        Ok(Self { template: RequestTemplate::new(url)?, items: ItemList::default() })
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

    /// Sends this header with each request. It replaces a header of the same name.
    ///
    /// # Errors
    ///
    /// When the name or the value is invalid.
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
