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
}

/// The line, with its end.
pub(super) fn line(record: &Record, state: Option<State>) -> serde_json::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&Written { record, state })?;
    line.push(b'\n');
    Ok(line)
}

/// What stands in a line.
pub(super) fn parse(line: &[u8]) -> serde_json::Result<(Record, Option<State>)> {
    #[derive(Deserialize)]
    struct Stated {
        #[serde(default)]
        state: Option<State>,
    }
    let record = serde_json::from_slice(line)?;
    // Read twice, which is faster than to keep all of it until its end, as `flatten` does.
    let Stated { state } = serde_json::from_slice(line)?;
    Ok((record, state))
}
