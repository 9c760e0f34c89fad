//! The client alone: what all others are compared with.

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;

use super::{Subject, typed};
use crate::{case::Case, fixture::Server};

/// It does not retry, so it has no such case.
pub(super) fn subject(case: Case, server: Server, uri: Uri) -> Option<Box<dyn Subject>> {
    (case != Case::Retry).then(|| typed::<Full<Bytes>, _>(server, uri))
}
