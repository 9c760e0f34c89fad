//! The client alone: the baseline of all others.

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;

use super::{Subject, drive};
use crate::{case::Case, place::Client};

/// Where the others retry, its caller does: each attempt is a new request, and each response is read to its
/// end.
pub(super) fn subject<C: Client<Full<Bytes>>>(case: Case, client: C, uri: Uri) -> Option<Box<dyn Subject>> {
    (case != Case::Wait)
        .then(|| drive::asking::<Full<Bytes>, _>(client, uri).sending(case.attempts()).boxed())
}
