use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    vec,
};

use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response};
use http_body::Body;
use martello_outcome::BoxError;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{PageError, Paged, Pages, Position};

/// How many empty pages one poll skips before it yields to other tasks.
const PAGES_PER_POLL: usize = 16;

pin_project! {
    /// A stream of the items of all pages, from [`Paginate::items`](crate::Paginate::items).
    ///
    /// Errors and drops have the same effect as for [`Pages`]. The stream requests the next page after it has
    /// delivered all items of the page before.
    ///
    /// ```
    /// use std::pin::pin;
    /// use futures_util::StreamExt;
    /// use martello_paginate::{JsonCursor, Paginate};
    ///
    /// # type Api = tower::util::BoxCloneService<http::Request<martello_body::Body>, http::Response<martello_body::Body>, martello_paginate::BoxError>;
    /// # async fn walk(api: Api) -> Result<(), martello_paginate::ConfigError> {
    /// let orders = JsonCursor::<serde_json::Value>::new("https://api.example/orders")?;
    /// let mut items = pin!(Paginate::new(api, orders).items());
    /// while let Some(item) = items.next().await {
    ///     match item {
    ///         Ok(order) => println!("{:?}", order["id"]),
    ///         Err(error) => eprintln!("{error}"), // the next poll requests the same page again
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct Items<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
        P: Paged,
    {
        #[pin]
        pages: Pages<S, P, B, R>,
        items: vec::IntoIter<P::Item>,
        position: Option<Position>,
    }
}

impl<S, P, B, R> Items<S, P, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    P: Paged,
{
    pub(crate) fn new(pages: Pages<S, P, B, R>) -> Self {
        let position = pages.position().cloned();
        Self { pages, items: Vec::new().into_iter(), position }
    }

    /// Fetches one page ahead, like [`Pages::fetch_ahead`].
    pub fn fetch_ahead(mut self) -> Self
    where
        S: Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: Send + 'static,
        R: Body + Send + 'static,
        R::Error: Into<BoxError>,
    {
        self.pages = self.pages.fetch_ahead();
        self
    }

    /// The position of the page of the latest item; `None` for the first page. If you resume from it, items
    /// of that page are delivered again, and none is missed.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }
}

impl<S, P, B, R> Stream for Items<S, P, B, R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    P: Paged,
    B: From<Bytes>,
    R: Body,
    R::Error: Into<BoxError>,
{
    type Item = Result<P::Item, PageError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        for _ in 0..PAGES_PER_POLL {
            if let Some(item) = this.items.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match ready!(this.pages.as_mut().poll_next(cx)) {
                Some(Ok(page)) => {
                    *this.items = page.items.into_iter();
                    *this.position = page.position;
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S, P, B, R> fmt::Debug for Items<S, P, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    P: Paged,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("position", &self.position).finish_non_exhaustive()
    }
}
