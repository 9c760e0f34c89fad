use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use bytes::Bytes;
use http::{Request, Uri};
use martello_outcome::{ErrorKind, Origin};

use crate::{Page, PageError, PageErrorKind, PageResponse, Paged, ParsedPage, Position, fetch::Fetched};

/// The state of a stream of pages, without its I/O: builds the next request and handles the response.
#[derive(Debug)]
pub(crate) struct Walk<P> {
    paged: Arc<P>,
    max_pages: u32,
    visited: VisitedPositions,
    origin: Option<Origin>,
    /// The page to be requested, from 1, and where it is.
    number: u32,
    position: Option<Position>,
    requested: Uri,
    finished: bool,
    next_error: Option<PageErrorKind>,
}

impl<P: Paged> Walk<P> {
    pub(crate) fn new(paged: Arc<P>, max_pages: u32, from: Option<Position>) -> Self {
        let mut walk = Self {
            paged,
            max_pages,
            visited: VisitedPositions::default(),
            origin: None,
            number: 1,
            position: from,
            requested: Uri::default(),
            finished: false,
            next_error: None,
        };
        if let Some(position) = &walk.position {
            walk.visited.insert(position.as_str());
        }
        walk
    }

    pub(crate) fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Builds the next request; `None` at the end.
    pub(crate) fn request(&mut self) -> Option<Result<Request<Bytes>, PageError>> {
        if self.finished {
            return None;
        }
        let request = match self.next_error {
            Some(kind) => Err(self.error(kind)),
            None => self.make_request(),
        };
        self.finished = request.is_err();
        Some(request)
    }

    /// Builds the next request before the stream is polled for it; `None` at the end or if it fails, which
    /// [`Walk::request`] reports.
    pub(crate) fn prefetch_request(&mut self) -> Option<Request<Bytes>> {
        if self.finished || self.next_error.is_some() {
            return None;
        }
        self.make_request().ok()
    }

    fn make_request(&mut self) -> Result<Request<Bytes>, PageError> {
        let origin = self.first_origin()?;
        let request = self.request_at(self.position.as_ref())?;
        if origin.is_none() || Origin::of(request.uri()) != origin {
            return Err(self.error(PageErrorKind::OtherOrigin));
        }
        self.requested = request.uri().clone();
        Ok(request)
    }

    /// The origin of the first page, also if the stream starts at another page: a stored position may have
    /// been tampered with.
    fn first_origin(&mut self) -> Result<Option<Origin>, PageError> {
        if self.origin.is_none() {
            let first = self.request_at(None)?;
            self.visited.insert(&first.uri().to_string());
            self.origin = Origin::of(first.uri());
        }
        Ok(self.origin.clone())
    }

    fn request_at(&self, at: Option<&Position>) -> Result<Request<Bytes>, PageError> {
        self.paged.request(at).map_err(|error| self.error(PageErrorKind::Request).with_source(error))
    }

    /// Handles the response. The position moves to the next page only if the response is a page.
    pub(crate) fn received(&mut self, fetched: Fetched) -> Result<Page<P::Item>, PageError> {
        let (head, body) = match fetched {
            Ok(response) => *response,
            Err(failed) => {
                let (head, error) = *failed;
                // The client would refuse it again, and the position always gives the same request.
                let never = error.kind() == ErrorKind::Unsendable;
                self.finished |= never;
                let kind = if never { PageErrorKind::Request } else { PageErrorKind::Call };
                return Err(self.error(kind).with_source(error).with_head(head));
            }
        };
        if !self.paged.accepts(head.status) {
            return Err(self.error(PageErrorKind::Status).with_head(Some(head)).with_body(body));
        }
        match self.paged.parse(PageResponse::new(&self.requested, &head, &body)) {
            Ok(ParsedPage { items, next }) => {
                let (number, position) = (self.number, self.position.clone());
                self.go_to(next.clone());
                Ok(Page { items, number, position, next, head })
            }
            Err(error) => {
                let failed = self.error(PageErrorKind::Parse).with_source(error);
                Err(failed.with_head(Some(head)).with_body(body))
            }
        }
    }

    fn go_to(&mut self, next: Option<Position>) {
        let Some(next) = next else {
            self.finished = true;
            return;
        };
        if !self.visited.insert(next.as_str()) {
            self.next_error = Some(PageErrorKind::Loop);
        } else if self.number >= self.max_pages {
            self.next_error = Some(PageErrorKind::TooManyPages);
        }
        self.number = self.number.saturating_add(1);
        self.position = Some(next);
    }

    fn error(&self, kind: PageErrorKind) -> PageError {
        PageError::new(kind, self.number, self.position.clone())
    }
}

/// The positions that a stream has visited, eight bytes each.
///
/// In a list of ten thousand pages, two positions have the same hash in about one of 10¹¹ runs. The stream
/// then fails, and loses nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct VisitedPositions {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl VisitedPositions {
    /// Adds a position. Returns false if it was visited before.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        self.hashes.insert(self.hasher.hash_one(text))
    }
}
