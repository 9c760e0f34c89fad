use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use martello_outcome::BoxError;
use martello_paginate::{PageResponse, Paged, ParseError, ParsedPage, Position};

/// Pages whose first is asked for only if it is another than the one with this `ETag` (RFC 9110 §13.1.2).
#[derive(Debug)]
pub(super) struct Conditional<P> {
    pub(super) pages: P,
    pub(super) etag: Option<HeaderValue>,
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

    /// A 304 answers a condition; without one it is no page.
    fn accepts(&self, status: StatusCode) -> bool {
        (status == StatusCode::NOT_MODIFIED && self.etag.is_some()) || self.pages.accepts(status)
    }
}
