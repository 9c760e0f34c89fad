//! A line of a journal: a record, and two fields that only the journal needs.

use serde::{Deserialize, Serialize};

use crate::{Record, state::State};

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    record: &'a Record,
    /// The resource whose whole state the request carries: a digest, because a query may contain a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    /// Whether one of its attempts may have been processed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_doubt: bool,
}

/// The line with its line break.
pub(super) fn line(record: &Record, state: Option<State>) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Written { record, state, in_doubt: record.in_doubt })?;
    line.push(b'\n');
    Ok(line)
}

/// Reads a line.
pub(super) fn parse(line: &[u8]) -> serde_json::Result<(Record, Option<State>)> {
    #[derive(Deserialize)]
    struct Stated {
        #[serde(default)]
        state: Option<State>,
        #[serde(default)]
        in_doubt: bool,
    }
    let mut record: Record = serde_json::from_slice(line)?;
    // Parsing twice is faster than `flatten`, which buffers the whole line.
    let Stated { state, in_doubt } = serde_json::from_slice(line)?;
    record.in_doubt = in_doubt;
    Ok((record, state))
}
