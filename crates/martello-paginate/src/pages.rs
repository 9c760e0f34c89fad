use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response};
use http_body::Body;
use martello_outcome::BoxError;
use pin_project_lite::pin_project;
use tokio::task::JoinSet;
use tower_service::Service;

use crate::{
    Page, PageError, Paged, Position,
    fetch::{Fetch, PendingFetch, Spawn},
    walk::Walk,
};

pin_project! {
    /// A stream of pages, from [`Paginate::pages`](crate::Paginate::pages).
    ///
    /// It sends no request before it is polled. After an error you can poll it again, and it requests the
    /// same page again; after an error that [is final](crate::PageErrorKind::is_final) the stream has ended.
    /// Dropping it cancels the request in progress.
    ///
    /// ```
    /// use std::pin::pin;
    /// use futures_util::TryStreamExt;
    /// use martello_paginate::{JsonLink, Paginate};
    ///
    /// # type Api = tower::util::BoxCloneService<http::Request<martello_body::Body>, http::Response<martello_body::Body>, martello_paginate::BoxError>;
    /// # async fn walk(api: Api) -> Result<(), Box<dyn std::error::Error>> {
    /// let orders = JsonLink::<serde_json::Value>::new("https://api.example/orders")?;
    /// let mut pages = pin!(Paginate::new(api, orders).pages());
    /// while let Some(page) = pages.try_next().await? {
    ///     println!("page {} has {} orders", page.number, page.items.len());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct Pages<S, P, B, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        service: S,
        walk: Walk<P>,
        max_bytes: usize,
        prefetch: Option<Spawn<S, B, R>>,
        #[pin]
        pending: PendingFetch<S, B, R>,
    }
}

impl<S, P, B, R> Pages<S, P, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    P: Paged,
{
    pub(crate) fn new(service: S, walk: Walk<P>, max_bytes: usize) -> Self {
        Self { service, walk, max_bytes, prefetch: None, pending: PendingFetch::None }
    }

    /// Fetches one page ahead in a task of its own, while you process the page before. Off by default,
    /// because it requests a page that you may not need. Dropping the stream aborts the task.
    ///
    /// Polling the stream then needs a tokio runtime.
    pub fn fetch_ahead(mut self) -> Self
    where
        S: Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        B: Send + 'static,
        R: Body + Send + 'static,
        R::Error: Into<BoxError>,
    {
        self.prefetch = Some(|fetch| {
            let mut task = JoinSet::new();
            task.spawn(fetch);
            task
        });
        self
    }

    /// The position of the page to request next; `None` for the first page. At the end it is that of the last
    /// page; after an error, that of the page that failed.
    #[must_use]
    pub fn position(&self) -> Option<&Position> {
        self.walk.position()
    }
}

impl<S, P, B, R> Stream for Pages<S, P, B, R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    P: Paged,
    B: From<Bytes>,
    R: Body,
    R::Error: Into<BoxError>,
{
    type Item = Result<Page<P::Item>, PageError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        loop {
            if let Some(fetched) = ready!(this.pending.as_mut().poll(cx)) {
                let page = this.walk.received(fetched);
                let prefetch = this.prefetch.filter(|_| page.is_ok());
                if let Some((spawn, request)) =
                    prefetch.and_then(|spawn| Some((spawn, this.walk.prefetch_request()?)))
                {
                    let fetch = Fetch::new(this.service.clone(), request.map(B::from), *this.max_bytes);
                    this.pending.set(PendingFetch::Task { task: spawn(fetch) });
                }
                return Poll::Ready(Some(page));
            }
            match this.walk.request() {
                Some(Ok(request)) => {
                    let fetch = Fetch::new(this.service.clone(), request.map(B::from), *this.max_bytes);
                    this.pending.set(PendingFetch::Inline { fetch });
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl<S, P, B, R> fmt::Debug for Pages<S, P, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    P: Paged,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("position", &self.walk.position()).finish_non_exhaustive()
    }
}
