//! The first line: what the file is, and of which input.

use serde::{Deserialize, Serialize};

/// Written by this version, and read by it.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    martello_upserts: u32,
    input: String,
}

impl Header {
    pub(super) fn new(input: &str) -> Self {
        Self { martello_upserts: VERSION, input: input.to_owned() }
    }

    /// The header in this line; `None` if there is none that is understood.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().filter(|header: &Self| header.martello_upserts == VERSION)
    }

    pub(super) fn is_of(&self, input: &str) -> bool {
        self.input == input
    }

    /// The line, with its end.
    pub(super) fn line(&self) -> Vec<u8> {
        // A number and a string always serialise.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
