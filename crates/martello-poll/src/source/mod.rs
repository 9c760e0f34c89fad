//! What is polled.

mod erased;
mod fingerprint;
mod json;

use jiff::Timestamp;
use martello_outcome::BoxError;
use martello_paginate::Paged;
use serde_json::value::RawValue;

pub(crate) use erased::{ErasedSource, PageStream, SourceClient};
pub use json::JsonSince;

use crate::{ItemIssueKind, ItemVersion};

/// Something that can be asked what changed since. [`JsonSince`] is one for most APIs.
///
/// In which order it lists its items makes no difference.
pub trait Source: Send + 'static {
    /// What its pages look like.
    type Pages: Paged<Item = Box<RawValue>> + Send + Sync + 'static;

    /// What makes it this source and no other, filters above all, and headers such as a tenant's, in up to
    /// 256 bytes without a secret: a digest, say. It is stored in the checkpoint, whose watermark means
    /// nothing for a source that lists something else.
    fn fingerprint(&self) -> String;

    /// From when on everything is asked for; `None`, by default, for all there is.
    ///
    /// It is asked when a poll begins: the answer is kept in the checkpoint before the first request, so that
    /// “an hour ago” means the same after a restart and after a resync; the checkpoint of another source
    /// stays until this one has answered. An earlier moment moves a kept one back, a later one does not
    /// count. `None` clears a kept one while there is no watermark; from then on it stays. Where the source
    /// answers 410 to the kept one, it is asked again, and the answer takes the place of the kept one
    /// ([`StartExpired`](crate::ResyncReason::StartExpired)).
    fn start(&self) -> Option<Timestamp> {
        None
    }

    /// The pages of what changed since then, or of everything. The moment may be made earlier, never later: what it
    /// is sent as has to be rounded down.
    ///
    /// # Errors
    ///
    /// When no pages can be made of it. The message must not show a secret.
    fn since(&self, since: Option<Timestamp>) -> Result<Self::Pages, BoxError>;

    /// Whether an item whose stamp is exactly the asked-for moment is listed.
    fn boundary(&self) -> Boundary;

    /// The key and the stamp of an item.
    ///
    /// # Errors
    ///
    /// When it has none that can be used; it is parked then, with this reason.
    fn item_version(&self, item: &RawValue) -> Result<ItemVersion, ItemIssueKind>;
}

/// Whether `since` means “from then on” or “after”.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Boundary {
    /// What has exactly that stamp is listed (`≥`).
    Inclusive,
    /// What has exactly that stamp is not listed (`>`): the poller asks from a millisecond earlier. This is
    /// the default, because it is safe for both.
    #[default]
    Exclusive,
}
