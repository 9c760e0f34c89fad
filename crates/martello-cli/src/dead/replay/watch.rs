//! Waits for the results of a replay, and shows its progress.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use martello_outbox::{Entry, EntryId, Filter, JobId, ReplayJob, State, Store, StoreError};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::stalls::Stalls;
use crate::{
    Context,
    bulk::noun,
    error::{CommandError, Exit},
    interrupt::or_interrupt,
    output::{EntryShape, Output},
};

/// How often the store is read.
const EVERY: Duration = Duration::from_millis(250);
/// How long nothing may change before the progress bar gives a hint.
const QUIET: Duration = Duration::from_secs(10);

/// How many of the requests that are dead again are listed.
const MOST_NAMED: usize = 20;

/// Watches a replay by filter until it is done.
pub(super) async fn job(context: &mut Context, id: JobId) -> Result<Exit, CommandError> {
    let watched = or_interrupt(until_done(&*context.store, &mut context.out, id)).await;
    let job = watched.unwrap_or_else(|| {
        Err(CommandError::interrupted(format!(
            "stopped watching; the replay continues. To watch it: martello dead replays watch {id}; to cancel it: \
             martello dead replays cancel {id}"
        )))
    })?;
    let dead = dead_again(&*context.store, &job).await?;
    print(&mut context.out, &job, &dead)?;
    Ok(if job.done == job.total { Exit::Success } else { Exit::Partial })
}

fn print(out: &mut Output, job: &ReplayJob, dead: &[Entry]) -> Result<(), CommandError> {
    if out.is_json() {
        let mut document = serde_json::to_value(job).map_err(std::io::Error::from)?;
        let dead: Vec<_> = dead.iter().map(|entry| EntryShape::new(entry, false)).collect();
        if let Value::Object(fields) = &mut document {
            fields.insert("dead_again".to_owned(), json!(dead));
        }
        return Ok(out.document(&document)?);
    }
    out.line(format_args!("replayed {} {}: {}", job.total, noun(State::Dead, job.total), progress(job)))?;
    for entry in dead {
        out.line(format_args!("{} {}", entry.id, result(entry)))?;
    }
    let more = job.dead.saturating_sub(u64::try_from(dead.len()).unwrap_or(u64::MAX));
    if more > 0 {
        out.note(format_args!("{more} more; to list them: martello dead list --job {}", job.id))?;
    }
    Ok(())
}

/// The first requests of a replay that became dead letters again, without those that cancelling it returned.
async fn dead_again(store: &dyn Store, job: &ReplayJob) -> Result<Vec<Entry>, CommandError> {
    if job.dead == 0 {
        return Ok(Vec::new());
    }
    let of = Filter { job: Some(job.id), ..Filter::state(State::Dead) };
    let mut dead = store.list(of, None, 1_000).await?.entries;
    dead.retain(|entry| job.cancelled_at != Some(entry.changed_at));
    dead.truncate(MOST_NAMED);
    Ok(dead)
}

async fn until_done(store: &dyn Store, out: &mut Output, id: JobId) -> Result<ReplayJob, CommandError> {
    let bar = bar();
    let (mut idle, mut stalls) = (IdleHint::new(), Stalls::new());
    loop {
        let job = find(store, id).await?;
        let ended = job.total.saturating_sub(job.pending);
        bar.set_length(job.total);
        bar.set_message(format!("{ended} of {}: {}{}", job.total, progress(&job), idle.hint(ended)));
        bar.set_position(ended);
        if job.pending == 0 {
            bar.finish_and_clear();
            return Ok(job);
        }
        if stalls.are_due() {
            let of = Filter { job: Some(id), ..Filter::state(State::Ready) };
            let waiting = store.list(of, None, 1_000).await?.entries;
            stalls.report(store, out, &bar, &waiting).await?;
        }
        sleep(EVERY).await;
    }
}

/// The replay; an error if there is none of that id.
async fn find(store: &dyn Store, id: JobId) -> Result<ReplayJob, CommandError> {
    let jobs = store.replays().await?;
    Ok(jobs.into_iter().find(|job| job.id == id).ok_or_else(|| StoreError::no_replay(id))?)
}

/// Watches entries that were replayed by id until each has ended.
pub(super) async fn entries(context: &mut Context, ids: &[EntryId]) -> Result<Exit, CommandError> {
    let watched = or_interrupt(until_ended(&*context.store, &mut context.out, ids)).await;
    let ended = watched.unwrap_or_else(|| {
        Err(CommandError::interrupted(
            "stopped watching; the replay continues. To see the result: martello outbox show ID",
        ))
    })?;
    let out = &mut context.out;
    if out.is_json() {
        let entries: Vec<_> = ended.iter().map(|entry| EntryShape::new(entry, false)).collect();
        out.document(&json!({ "entries": entries }))?;
    } else {
        for entry in &ended {
            out.line(format_args!("{} {}", entry.id, result(entry)))?;
        }
    }
    let well = ended.iter().all(|entry| entry.state == State::Done);
    Ok(if well { Exit::Success } else { Exit::Partial })
}

async fn until_ended(
    store: &dyn Store,
    out: &mut Output,
    ids: &[EntryId],
) -> Result<Vec<Entry>, CommandError> {
    let bar = bar();
    bar.set_length(u64::try_from(ids.len()).unwrap_or_default());
    let (mut idle, mut stalls) = (IdleHint::new(), Stalls::new());
    let mut ended = Vec::new();
    for id in ids {
        loop {
            let entry = store.entry(*id).await?.ok_or_else(|| StoreError::no_entry(*id))?;
            if !entry.state.is_pending() {
                ended.push(entry);
                bar.inc(1);
                break;
            }
            bar.set_message(format!("{}{}", entry.state, idle.hint(u64::from(entry.attempts))));
            if stalls.are_due() {
                stalls.report(store, out, &bar, &[entry]).await?;
            }
            sleep(EVERY).await;
        }
    }
    bar.finish_and_clear();
    Ok(ended)
}

/// A progress bar on stderr; invisible unless that is a terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("[{bar:30}] {msg}");
    let bar = ProgressBar::new(1);
    match style {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

fn progress(job: &ReplayJob) -> String {
    let counts = [
        (job.pending, "waiting"),
        (job.dead, "dead again"),
        (job.returned, "returned by the cancellation"),
        (gone(job), "cancelled, purged or replayed again"),
    ];
    let mut text = format!("{} delivered", job.done);
    for (many, what) in counts.iter().filter(|(many, _)| *many > 0) {
        text.push_str(&format!(", {many} {what}"));
    }
    text
}

/// How many requests left the replay: cancelled, purged, or replayed by another one.
pub(super) fn gone(job: &ReplayJob) -> u64 {
    job.total.saturating_sub(job.returned + job.pending + job.done + job.dead)
}

fn result(entry: &Entry) -> String {
    let mut text = match (entry.state, entry.reason) {
        (State::Done, _) => "was delivered".to_owned(),
        (State::Dead, Some(reason)) => format!("is dead again: {reason}"),
        (state, _) => format!("is {state}"),
    };
    if let Some(status) = entry.last_status {
        text.push_str(&format!(", {}", status.as_u16()));
    }
    if let Some(id) = &entry.last_tracking_id {
        text.push_str(&format!(", Trackingid {id}"));
    }
    text
}

/// A hint for the progress bar once nothing has changed for a while.
struct IdleHint {
    seen: u64,
    since: Instant,
}

impl IdleHint {
    fn new() -> Self {
        Self { seen: 0, since: Instant::now() }
    }

    fn hint(&mut self, seen: u64) -> &'static str {
        if seen != self.seen {
            (self.seen, self.since) = (seen, Instant::now());
        }
        if self.since.elapsed() < QUIET {
            ""
        } else {
            "; no progress: check that a worker is running and that the queue is not paused"
        }
    }
}
