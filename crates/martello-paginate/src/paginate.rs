use std::{fmt, sync::Arc};

use http::{Request, Response};
use martello_outcome::ConfigError;
use tower_service::Service;

use crate::{Items, Paged, Pages, Position, walk::Walk};

const MAX_PAGES: u32 = 1_000_000;
const MAX_PAGE_BYTES: usize = 1 << 30;

/// Walks through the pages of an API, with a service that sends the requests.
///
/// It can be walked any number of times, each from the first page. A clone shares nothing but the description
/// of the pages.
///
/// # Defaults
///
/// | what | default | why |
/// |---|---|---|
/// | [pages](Self::max_pages) | 10,000 | a million items at 100 a page; what goes on after that more likely never ends |
/// | [bytes of a page](Self::max_page_bytes) | 16 MiB | a thousand items of 16 KiB |
/// | [ahead](Pages::fetch_ahead) | off | asks for nothing that is not wanted |
///
/// ```
/// use martello_paginate::{JsonLink, Paginate};
///
/// # fn walk(api: martello_testkit::contract::Memory) -> Result<(), martello_paginate::ConfigError> {
/// let orders = JsonLink::<serde_json::Value>::new("https://api.example/orders?per_page=100")?;
/// let orders = Paginate::new(api, orders).max_pages(100)?;
/// # Ok(())
/// # }
/// ```
#[must_use = "it does nothing until it is walked"]
pub struct Paginate<S, P> {
    service: S,
    paged: Arc<P>,
    max_pages: u32,
    max_page_bytes: usize,
}

impl<S, P: Paged> Paginate<S, P> {
    /// Walks pages that look like this. The service need not be ready; a clone of it is readied for each request.
    pub fn new(service: S, paged: P) -> Self {
        Self { service, paged: Arc::new(paged), max_pages: 10_000, max_page_bytes: 16 << 20 }
    }

    /// How many pages a walk may have, from 1 to 1,000,000. It remembers each in eight bytes.
    ///
    /// # Errors
    ///
    /// When the number is out of its range.
    pub fn max_pages(mut self, pages: u32) -> Result<Self, ConfigError> {
        if !(1..=MAX_PAGES).contains(&pages) {
            return Err(ConfigError::new("max_pages", pages, "1 to 1,000,000"));
        }
        self.max_pages = pages;
        Ok(self)
    }

    /// How large the body of a page may be, from 1 byte to 1 GiB.
    ///
    /// # Errors
    ///
    /// When the number is out of its range.
    pub fn max_page_bytes(mut self, bytes: usize) -> Result<Self, ConfigError> {
        if !(1..=MAX_PAGE_BYTES).contains(&bytes) {
            return Err(ConfigError::new("max_page_bytes", bytes, "1 byte to 1 GiB"));
        }
        self.max_page_bytes = bytes;
        Ok(self)
    }

    /// What the pages look like.
    #[must_use]
    pub fn paged(&self) -> &P {
        &self.paged
    }

    /// The pages, from the first.
    pub fn pages<B, R>(&self) -> Pages<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        self.walk(None)
    }

    /// The pages from this position on, which is counted as page 1.
    pub fn pages_from<B, R>(&self, position: Position) -> Pages<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        self.walk(Some(position))
    }

    /// The items of all pages, from the first.
    pub fn items<B, R>(&self) -> Items<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        Items::new(self.walk(None))
    }

    /// The items of all pages from this position on.
    pub fn items_from<B, R>(&self, position: Position) -> Items<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        Items::new(self.walk(Some(position)))
    }

    fn walk<B, R>(&self, from: Option<Position>) -> Pages<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        let walk = Walk::new(self.paged.clone(), self.max_pages, from);
        Pages::new(self.service.clone(), walk, self.max_page_bytes)
    }
}

impl<S: Clone, P> Clone for Paginate<S, P> {
    fn clone(&self) -> Self {
        Self {
            service: self.service.clone(),
            paged: self.paged.clone(),
            max_pages: self.max_pages,
            max_page_bytes: self.max_page_bytes,
        }
    }
}

impl<S, P> fmt::Debug for Paginate<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paginate")
            .field("max_pages", &self.max_pages)
            .field("max_page_bytes", &self.max_page_bytes)
            .finish_non_exhaustive()
    }
}
