use std::{fmt, marker::PhantomData, pin::Pin};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use jiff::Timestamp;
use martello_outcome::{BoxError, ConfigError};
use martello_paginate::{Page, PageError, PageResponse, Paged, Paginate, ParseError, ParsedPage, Position};
use serde_json::value::RawValue;
use tower_service::Service;

use super::{Boundary, Source};
use crate::{ItemIssueKind, ItemVersion};

pub(crate) type PageStream = Pin<Box<dyn Stream<Item = Result<Page<Box<RawValue>>, PageError>> + Send>>;

/// A source with its service, without their types, so that [`Poller`](crate::Poller) has no type parameters.
pub(crate) trait ErasedSource: fmt::Debug + Send {
    fn fingerprint(&self) -> String;
    fn start(&self) -> Option<Timestamp>;
    fn boundary(&self) -> Boundary;
    fn item_version(&self, item: &RawValue) -> Result<ItemVersion, ItemIssueKind>;
    fn pages(
        &mut self,
        since: Option<Timestamp>,
        etag: Option<HeaderValue>,
        bounds: (u32, usize),
    ) -> Result<PageStream, BoxError>;
}

pub(crate) struct SourceClient<S, P, B, R> {
    pub(crate) service: S,
    pub(crate) source: P,
    pub(crate) exchange: PhantomData<fn(B) -> R>,
}

impl<S, P, B, R> ErasedSource for SourceClient<S, P, B, R>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    P: Source,
    B: From<Bytes> + Send + 'static,
    R: Body + Send + 'static,
    R::Error: Into<BoxError>,
{
    fn fingerprint(&self) -> String {
        self.source.fingerprint()
    }

    fn start(&self) -> Option<Timestamp> {
        self.source.start()
    }

    fn boundary(&self) -> Boundary {
        self.source.boundary()
    }

    fn item_version(&self, item: &RawValue) -> Result<ItemVersion, ItemIssueKind> {
        let version = self.source.item_version(item)?;
        match version.key.len() {
            0 => Err(ItemIssueKind::NoKey),
            1..=ItemVersion::MAX_KEY => Ok(version),
            _ => Err(ItemIssueKind::InvalidKey),
        }
    }

    fn pages(
        &mut self,
        since: Option<Timestamp>,
        etag: Option<HeaderValue>,
        (max_pages, max_page_bytes): (u32, usize),
    ) -> Result<PageStream, BoxError> {
        let pages = Conditional { pages: self.source.since(since)?, etag };
        let bounded = |paginate: Paginate<S, _>| -> Result<_, ConfigError> {
            paginate.max_pages(max_pages)?.max_page_bytes(max_page_bytes)
        };
        Ok(Box::pin(bounded(Paginate::new(self.service.clone(), pages))?.pages()))
    }
}

impl<S, P, B, R> fmt::Debug for SourceClient<S, P, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceClient")
    }
}

/// Pages whose first request has `If-None-Match` with this `ETag` (RFC 9110 §13.1.2).
#[derive(Debug)]
struct Conditional<P> {
    pages: P,
    etag: Option<HeaderValue>,
}

impl<P: Paged> Paged for Conditional<P> {
    type Item = P::Item;

    fn request(&self, at: Option<&Position>) -> Result<Request<Bytes>, BoxError> {
        let mut request = self.pages.request(at)?;
        if let (None, Some(etag)) = (at, &self.etag) {
            request.headers_mut().insert(header::IF_NONE_MATCH, etag.clone());
        }
        Ok(request)
    }

    fn parse(&self, response: PageResponse<'_>) -> Result<ParsedPage<P::Item>, ParseError> {
        if response.head.status == StatusCode::NOT_MODIFIED {
            return Ok(ParsedPage { items: Vec::new(), next: None });
        }
        self.pages.parse(response)
    }

    /// A 304 is a page only if the request had `If-None-Match`.
    fn accepts(&self, status: StatusCode) -> bool {
        (status == StatusCode::NOT_MODIFIED && self.etag.is_some()) || self.pages.accepts(status)
    }
}
