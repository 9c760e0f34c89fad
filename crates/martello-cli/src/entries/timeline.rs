//! Shows the attempts and events of an entry in order of time.

use std::io;

use jiff::Timestamp;
use martello_outbox::{AttemptRecord, Detail, EntryEvent, EventKind};

use crate::output::{Output, Printable, Time, text};

/// Writes attempts and events as one timeline.
pub(super) fn write(out: &mut Output, detail: &Detail, reveal: bool) -> io::Result<()> {
    let stored = (detail.entry.created_at, vec!["stored".to_owned()]);
    let events = detail.events.iter().map(|event| (event.at, vec![event_line(event)]));
    let attempts = detail.attempts.iter().map(|attempt| (attempt.started, attempt_lines(attempt, reveal)));
    // The sort is stable: an attempt comes before an event of the same time, which it caused.
    let mut timeline: Vec<(Timestamp, Vec<String>)> = attempts.chain([stored]).chain(events).collect();
    timeline.sort_by_key(|(at, _)| *at);
    out.line("\ntimeline")?;
    for (at, lines) in timeline {
        let mut time = Time(at).to_string();
        for line in lines {
            out.line(format_args!("  {time:<24}  {line}"))?;
            time.clear();
        }
    }
    Ok(())
}

fn attempt_lines(attempt: &AttemptRecord, reveal: bool) -> Vec<String> {
    let ended = match attempt.status {
        Some(status) => format!("{} {}", status.as_u16(), attempt.outcome),
        None => attempt.outcome.to_string(),
    };
    let mut line =
        format!("attempt {}: {ended} after {:.1} ms", attempt.number, attempt.duration.as_secs_f64() * 1e3);
    if let Some(id) = &attempt.tracking_id {
        line.push_str(&format!(", Trackingid {id}"));
    }
    if attempt.revision > 1 {
        line.push_str(&format!(", revision {}", attempt.revision));
    }
    let by = attempt
        .worker
        .as_deref()
        .map_or("by OutboxLayer".to_owned(), |worker| format!("by {}", Printable::new(worker)));
    line.push_str(&format!(", {by}"));
    let fault = attempt.fault.as_deref().map(|fault| format!("  {}", Printable::new(&text(fault, reveal))));
    [line].into_iter().chain(fault).collect()
}

fn event_line(event: &EntryEvent) -> String {
    let detail = event.detail.as_deref().unwrap_or_default();
    let detail = Printable::new(detail);
    match event.kind {
        EventKind::DeadLettered => format!("became a dead letter: {detail}"),
        EventKind::Cancelled => "cancelled by an operator".to_owned(),
        EventKind::Superseded => format!("superseded by {detail}"),
        EventKind::Edited => format!("edited: revision {detail}"),
        EventKind::Replayed if event.detail.is_some() => format!("replayed by replay {detail}"),
        EventKind::Replayed => "replayed".to_owned(),
        EventKind::Returned => format!("became a dead letter again: replay {detail} was cancelled"),
        EventKind::Protected => "protected from purges".to_owned(),
        EventKind::Unprotected => "no longer protected from purges".to_owned(),
    }
}
