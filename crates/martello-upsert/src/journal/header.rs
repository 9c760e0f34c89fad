//! The first line of a journal, which identifies the run.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::{UpsertErrorKind, digest::Digest};

/// The version of the format.
///
/// Version 1 had no `state`, and version 2 ignored the headers in it.
const VERSION: u64 = 3;

#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    martello_upserts: u64,
    input: String,
    method: String,
    url: Digest,
    headers: Digest,
}

/// Why a line is not a header of this version.
pub(super) enum NoHeader {
    SomethingElse,
    Older,
    Newer,
}

impl Header {
    pub(super) fn new(input: &str, method: &str, url: Digest, headers: Digest) -> Self {
        Self { martello_upserts: VERSION, input: input.to_owned(), method: method.to_owned(), url, headers }
    }

    /// Parses the line.
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

    /// How this run differs from the other.
    pub(super) fn differs(&self, other: &Self) -> Option<(UpsertErrorKind, String)> {
        let same_input = self.input == other.input;
        let method = format!("another method ({})", self.method.escape_debug());
        let parts = [
            (same_input, "another input"),
            (self.method == other.method, &method),
            (self.url == other.url, "another URL"),
            (self.headers == other.headers, "other headers"),
        ];
        let different: Vec<&str> =
            parts.into_iter().filter(|(same, _)| !same).map(|(_, name)| name).collect();
        let (last, before) = different.split_last()?;
        let what =
            if before.is_empty() { (*last).to_owned() } else { format!("{} and {last}", before.join(", ")) };
        Some((if same_input { UpsertErrorKind::OtherTarget } else { UpsertErrorKind::OtherInput }, what))
    }

    /// The line with its line break.
    pub(super) fn line(&self) -> Vec<u8> {
        // A number and a string always serialise.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}
