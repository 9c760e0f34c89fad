//! Prints the summary of a run, and determines its exit code.

use std::io;

use martello_upsert::{Report, UpsertError, UpsertErrorKind, UpsertOutcome};
use serde_json::{Map, Value, json};

use crate::{
    error::{CommandError, Exit},
    output::{Output, Printable},
};

/// The maximum width of a line, in characters; the report has the full text.
const WIDEST: usize = 240;

/// Prints the summary, to stderr if the report is on stdout.
pub(super) fn print(out: &mut Output, report: &Report, beside: bool) -> io::Result<()> {
    if out.is_json() {
        return if beside { Ok(()) } else { out.document(&document(report)) };
    }
    let text = report.to_string();
    for line in text.lines() {
        // The text quotes servers.
        let line = Printable::new(line).most(WIDEST);
        if beside { out.note(line)? } else { out.line(line)? }
    }
    Ok(())
}

fn document(report: &Report) -> Value {
    let counts = report.counts();
    let outcomes: Map<String, Value> =
        counts.iter().map(|(outcome, count)| (outcome.to_string(), count.into())).collect();
    let micros = |share| u64::try_from(report.latency().quantile(share).as_micros()).unwrap_or(u64::MAX);
    json!({
        "total": counts.total(),
        "written": counts.written(),
        "failed": counts.failed(),
        "outcomes": outcomes,
        "stopped": report.is_stopped(),
        "elapsed_ms": u64::try_from(report.elapsed().as_millis()).unwrap_or(u64::MAX),
        "latency_us": { "p50": micros(0.5), "p99": micros(0.99) },
    })
}

/// The result of a run that ended.
pub(super) fn exit(report: &Report, journal: bool, aborted: bool) -> Result<Exit, CommandError> {
    use UpsertOutcome::{Ambiguous, Conflict, Exhausted, Rejected};
    let has = |outcomes: [UpsertOutcome; 2]| outcomes.into_iter().any(|each| report.counts().get(each) > 0);
    if report.is_stopped() || aborted {
        return Err(CommandError::interrupted(match journal {
            true => "interrupted; run the same command again to resume from its journal",
            false => "interrupted; without --journal, the same command starts from the beginning",
        }));
    }
    Ok(match (has([Rejected, Conflict]), has([Exhausted, Ambiguous])) {
        (true, _) => Exit::Partial,
        (false, true) => Exit::Temporary,
        (false, false) => Exit::Success,
    })
}

impl From<UpsertError> for CommandError {
    fn from(error: UpsertError) -> Self {
        let message = error.to_string();
        let command_error = match error.kind() {
            UpsertErrorKind::Config => Self::usage(message),
            _ => Self::other(message),
        };
        match std::error::Error::source(&error) {
            Some(source) => command_error.with_source(source.to_string()),
            None => command_error,
        }
    }
}
