//! The source of a poll.

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

/// A list that can be requested from a given time on. [`JsonSince`] implements it for most APIs.
///
/// The order of the items does not matter.
///
/// ```
/// use http::Uri;
/// use martello_poll::{BoxError, Boundary, ItemIssueKind, ItemVersion, JsonCursor, RawValue, Source};
///
/// /// Orders with a number as key.
/// struct Orders;
///
/// #[derive(serde::Deserialize)]
/// struct Order { number: u64, changed: String }
///
/// impl Source for Orders {
///     type Pages = JsonCursor<Box<RawValue>>;
///
///     fn fingerprint(&self) -> String {
///         "orders v1".to_owned()
///     }
///
///     fn since(&self, since: Option<jiff::Timestamp>) -> Result<Self::Pages, BoxError> {
///         let from = since.map_or(0, |since| since.as_second());
///         Ok(JsonCursor::new(format!("https://api.example/orders?from={from}"))?)
///     }
///
///     fn boundary(&self) -> Boundary {
///         Boundary::Inclusive
///     }
///
///     fn item_version(&self, item: &RawValue) -> Result<ItemVersion, ItemIssueKind> {
///         let order: Order = serde_json::from_str(item.get()).map_err(|_| ItemIssueKind::NoKey)?;
///         let stamp = order.changed.parse().map_err(|_| ItemIssueKind::InvalidStamp)?;
///         Ok(ItemVersion { stamp, key: order.number.to_string().into() })
///     }
/// }
/// ```
pub trait Source: Send + 'static {
    /// The description of its pages.
    type Pages: Paged<Item = Box<RawValue>> + Send + Sync + 'static;

    /// Identifies the source: its filters above all, and headers such as a tenant, in up to 256 bytes without
    /// a secret, for example as a digest. The checkpoint stores it, because a watermark has no meaning for
    /// another source.
    fn fingerprint(&self) -> String;

    /// The start of the time range for a request of everything; by default `None`, for all items.
    ///
    /// The poller calls it when a poll starts, and stores the result in the checkpoint before the first
    /// request. So "an hour ago" means the same time after a restart or a resync. The checkpoint of another
    /// source stays until this one has answered. An earlier result replaces the stored one; a later one is
    /// ignored. `None` clears the stored one only while there is no watermark. If the source answers 410 to
    /// the stored start, the poller calls it again, and the result replaces the stored one
    /// ([`StartExpired`](crate::ResyncReason::StartExpired)).
    fn start(&self) -> Option<Timestamp> {
        None
    }

    /// The pages of the changes since this time, or of everything. The source may round the time down, never
    /// up.
    ///
    /// # Errors
    ///
    /// When no pages can be built for this time. The message must not show a secret.
    fn since(&self, since: Option<Timestamp>) -> Result<Self::Pages, BoxError>;

    /// Whether the list includes an item whose stamp is exactly the requested time.
    fn boundary(&self) -> Boundary;

    /// The key and the stamp of an item.
    ///
    /// # Errors
    ///
    /// When one of them is missing or invalid. The item is parked with this reason.
    fn item_version(&self, item: &RawValue) -> Result<ItemVersion, ItemIssueKind>;
}

/// Whether a list since a time includes that time.
///
/// ```
/// use martello_poll::Boundary;
///
/// assert_eq!(Boundary::default(), Boundary::Exclusive);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Boundary {
    /// Items with exactly that stamp are listed (`≥`).
    Inclusive,
    /// Items with exactly that stamp are not listed (`>`): the poller requests a millisecond more. This is
    /// the default, because it is safe for both.
    #[default]
    Exclusive,
}
