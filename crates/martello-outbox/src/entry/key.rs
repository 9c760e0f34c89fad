//! The state of a key, and the mark of a dead letter that a newer request has overtaken.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::state::words;
use crate::InvalidEntry;

/// What a store has of a queue and key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyState {
    /// Whether an entry of it is ready or leased.
    pub pending: bool,
    /// Whether there are dead letters of it.
    pub dead: bool,
}

words! {
    /// How certain it is that a newer request of a dead letter's key has reached the API.
    Overtaken, "overtaken", "possibly or certainly" {
        /// It was sent. It is unknown whether it was processed.
        Possibly = "possibly",
        /// It was delivered.
        Certainly = "certainly",
    }
}

/// What a replay does with a dead letter that is [overtaken](Overtaken).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenOvertaken {
    /// Refuses it, because it would overwrite the newer request.
    #[default]
    Refuse,
    /// Replays it, and so overwrites the newer request.
    Overwrite,
}
