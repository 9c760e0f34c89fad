//! A line of a journal: a record, and what the journal alone has to know of it.

use serde::{Deserialize, Serialize};

use crate::{Record, state::State};

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    record: &'a Record,
    /// What its request carries the whole state of: a digest, since a query may bear a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<State>,
    /// Whether one of its attempts may have been processed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    in_doubt: bool,
}

/// The line, with its end.
pub(super) fn line(record: &Record, state: Option<State>) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Written { record, state, in_doubt: record.in_doubt })?;
    line.push(b'\n');
    Ok(line)
}

/// What stands in a line.
pub(super) fn parse(line: &[u8]) -> serde_json::Result<(Record, Option<State>)> {
    #[derive(Deserialize)]
    struct Stated {
        #[serde(default)]
        state: Option<State>,
        #[serde(default)]
        in_doubt: bool,
    }
    let mut record: Record = serde_json::from_slice(line)?;
    // Read twice, which is faster than to keep all of it until its end, as `flatten` does.
    let Stated { state, in_doubt } = serde_json::from_slice(line)?;
    record.in_doubt = in_doubt;
    Ok((record, state))
}
