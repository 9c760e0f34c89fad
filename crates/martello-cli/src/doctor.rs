//! `martello doctor`.

use std::time::Duration;

use jiff::Timestamp;
use martello_outbox::{Check, QueueStats};
use serde_json::json;

use crate::{
    Context,
    args::DoctorArgs,
    error::{CommandError, Exit},
    outbox::condition,
    output::{Printable, span},
};

/// Checks the store and its queues.
pub(crate) async fn run(context: &mut Context, args: &DoctorArgs) -> Result<Exit, CommandError> {
    let mut findings = context.store.check_health().await?;
    for mut queue in context.store.queues().await? {
        // A hold that has ended stays listed until the API's last request is gone; it is no problem.
        queue.holds.retain(|held| held.until > Timestamp::now());
        findings.extend([open(&queue), due(&queue, args.oldest), dead(&queue, args.dead)]);
    }
    let well = findings.iter().all(|finding| finding.passed);
    print(context, &findings, well)?;
    Ok(if well { Exit::Success } else { Exit::Partial })
}

fn print(context: &mut Context, findings: &[Check], well: bool) -> Result<(), CommandError> {
    let out = &mut context.out;
    if out.is_json() {
        return Ok(out.document(&json!({ "well": well, "findings": findings }))?);
    }
    let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or_default();
    for finding in findings {
        let mark = if finding.passed { "ok  " } else { "LOOK" };
        let (what, seen) = (Printable::new(&finding.what), Printable::new(&finding.seen));
        out.line(format_args!("{mark}  {:<width$}  {seen}", what.to_string()))?;
    }
    Ok(())
}

fn open(queue: &QueueStats) -> Check {
    let what = format!("queue {}", queue.queue);
    if queue.paused.is_none() && queue.holds.is_empty() {
        return Check::passed(what, "open");
    }
    let seen = format!("{}; to end this: martello outbox resume {}", condition(queue), queue.queue);
    Check::failed(what, seen)
}

fn due(queue: &QueueStats, most: Duration) -> Check {
    let what = format!("waiting in {}", queue.queue);
    let many = queue.ready;
    match queue.oldest_due {
        Some(oldest) if oldest > most => {
            let seen = format!("{many}, the oldest due for {}; check that a worker is running", span(oldest));
            Check::failed(what, seen)
        }
        Some(oldest) => Check::passed(what, format!("{many}, the oldest due for {}", span(oldest))),
        None => Check::passed(what, format!("{many}, none due")),
    }
}

fn dead(queue: &QueueStats, most: u64) -> Check {
    let (what, many) = (format!("dead letters in {}", queue.queue), queue.dead);
    if many <= most {
        return Check::passed(what, many.to_string());
    }
    let seen = format!("{many}; to list them: martello dead list --queue {}", queue.queue);
    Check::failed(what, seen)
}
