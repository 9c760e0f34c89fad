use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a poll stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The [fingerprint](crate::Source::fingerprint) of its source.
    pub source: String,
    /// Up to when it has seen everything, by the server's clock; `None` before the end of its first pass.
    pub watermark: Option<Timestamp>,
    /// What the next pass may list, and was delivered already.
    pub delivered: Vec<Delivered>,
}

/// An item that was delivered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Delivered {
    /// Its stamp.
    pub stamp: Timestamp,
    /// Its key.
    pub key: String,
}
