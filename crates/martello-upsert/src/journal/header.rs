//! The first line: what the file is, and of which input.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Written by this version, and read by it.
///
/// Version 1 did not write down what its requests carried the whole state of.
const VERSION: u64 = 2;

#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    martello_upserts: u64,
    input: String,
}

/// Why a line is no header of this version.
pub(super) enum NoHeader {
    SomethingElse,
    Older,
    Newer,
}

impl Header {
    pub(super) fn new(input: &str) -> Self {
        Self { martello_upserts: VERSION, input: input.to_owned() }
    }

    /// The header in this line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, NoHeader> {
        #[derive(Deserialize)]
        struct Version {
            martello_upserts: u64,
        }
        let version: Version = serde_json::from_slice(line).map_err(|_| NoHeader::SomethingElse)?;
        match version.martello_upserts.cmp(&VERSION) {
            Ordering::Less => Err(NoHeader::Older),
            Ordering::Equal => serde_json::from_slice(line).map_err(|_| NoHeader::SomethingElse),
            Ordering::Greater => Err(NoHeader::Newer),
        }
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
