use std::{fmt, sync::Arc};

use http::{Request, Response};
use martello_outcome::ConfigError;
use tower_service::Service;

use crate::{Items, Paged, Pages, Position, walk::Walk};

const MAX_PAGES: u32 = 1_000_000;
const MAX_PAGE_BYTES: usize = 1 << 30;

/// Reads the pages of an API, with a service that sends the requests.
///
/// You can start any number of streams; each starts at the first page. A clone shares only the description of
/// the pages.
///
/// # Defaults
///
/// | what | default | why |
/// |---|---|---|
/// | [pages](Self::max_pages) | 10,000 | a million items at 100 a page; a longer list probably never ends |
/// | [bytes of a page](Self::max_page_bytes) | 16 MiB | a thousand items of 16 KiB |
/// | [ahead](Pages::fetch_ahead) | off | requests no page that is not needed |
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
#[must_use = "it sends no request until a stream of it is polled"]
pub struct Paginate<S, P> {
    service: S,
    paged: Arc<P>,
    max_pages: u32,
    max_page_bytes: usize,
}

impl<S, P: Paged> Paginate<S, P> {
    /// Reads the pages that `paged` describes. The service need not be ready: each request uses a clone of
    /// it.
    pub fn new(service: S, paged: P) -> Self {
        Self { service, paged: Arc::new(paged), max_pages: 10_000, max_page_bytes: 16 << 20 }
    }

    /// Sets how many pages a stream may have, from 1 to 1,000,000; by default 10,000. The stream remembers
    /// each page in eight bytes.
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

    /// Sets how large the body of a page may be, from 1 byte to 1 GiB; by default 16 MiB.
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

    /// The description of the pages.
    #[must_use]
    pub fn paged(&self) -> &P {
        &self.paged
    }

    /// Starts a stream of the pages, from the first.
    pub fn pages<B, R>(&self) -> Pages<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        self.walk(None)
    }

    /// Starts a stream of the pages from this position on. Its first page has number 1.
    ///
    /// ```
    /// use martello_paginate::{JsonCursor, Paginate, Position};
    ///
    /// # type Api = tower::util::BoxCloneService<http::Request<martello_body::Body>, http::Response<martello_body::Body>, martello_paginate::BoxError>;
    /// # fn resume(api: Api, stored: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let orders = JsonCursor::<serde_json::Value>::new("https://api.example/orders")?;
    /// let position: Position = stored.parse()?;
    /// let pages = Paginate::new(api, orders).pages_from(position);
    /// # Ok(())
    /// # }
    /// ```
    pub fn pages_from<B, R>(&self, position: Position) -> Pages<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        self.walk(Some(position))
    }

    /// Starts a stream of the items of all pages, from the first.
    pub fn items<B, R>(&self) -> Items<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
    {
        Items::new(self.walk(None))
    }

    /// Starts a stream of the items of all pages from this position on.
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
