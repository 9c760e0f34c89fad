//! What is stored of a key beside an entry, and what that means for a dead letter.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::state::words;
use crate::InvalidEntry;

/// What is stored of a queue and key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyState {
    /// Whether an entry of it is ready or leased.
    pub pending: bool,
    /// Whether there are dead letters of it.
    pub dead: bool,
}

words! {
    /// How surely a newer request of a dead letter's key has reached the API since.
    Overtaken, "overtaken", "possibly or certainly" {
        /// It was sent, and nobody knows whether it was processed.
        Possibly = "possibly",
        /// It was delivered.
        Certainly = "certainly",
    }
}

/// What becomes of the replay of a dead letter that is [overtaken](Overtaken).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenOvertaken {
    /// It is refused: it would overwrite what is newer.
    #[default]
    Refuse,
    /// It takes place all the same: what is newer is to be overwritten.
    Overwrite,
}
