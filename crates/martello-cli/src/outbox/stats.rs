use jiff::Timestamp;
use martello_outbox::{HeldAuthority, QueueStats};
use serde_json::json;

use crate::{
    Context,
    error::{CommandError, Exit},
    output::{Printable, Table, Time, span},
};

/// Shows the state of every queue.
pub(super) async fn stats(context: &mut Context) -> Result<Exit, CommandError> {
    let queues = context.store.queues().await?;
    let out = &mut context.out;
    if out.is_json() {
        out.document(&json!({ "queues": queues }))?;
        return Ok(Exit::Success);
    }
    if queues.is_empty() {
        out.note("the store has no queues yet")?;
        return Ok(Exit::Success);
    }
    let heads = ["QUEUE", "READY", "LEASED", "DONE", "DEAD", "CANCELLED", "OLDEST DUE", "STATUS"];
    let mut table = Table::new(&heads, &[1, 2, 3, 4, 5, 6]);
    for queue in &queues {
        table.row([
            queue.queue.to_string(),
            queue.ready.to_string(),
            queue.leased.to_string(),
            queue.done.to_string(),
            queue.dead.to_string(),
            queue.cancelled.to_string(),
            queue.oldest_due.map_or("-".to_owned(), span),
            condition(queue),
        ]);
    }
    out.line(table)?;
    Ok(Exit::Success)
}

/// The status of a queue: open, paused, or with a hold on an API, and why.
pub(crate) fn condition(queue: &QueueStats) -> String {
    let paused = queue.paused.as_deref().map(|why| format!("paused: {}", Printable::new(why)));
    paused.or_else(|| held(&queue.holds)).unwrap_or_else(|| "open".to_owned())
}

/// Describes the hold that ends last, and counts the others.
fn held(holds: &[HeldAuthority]) -> Option<String> {
    let mut holds: Vec<&HeldAuthority> = holds.iter().collect();
    holds.sort_by_key(|held| std::cmp::Reverse(held.until));
    let (last, others) = holds.split_first()?;
    let (authority, why) = (Printable::new(&last.authority), Printable::new(&last.why));
    let more = match others.len() {
        0 => String::new(),
        many => format!(", and {many} more"),
    };
    let is = if last.until > Timestamp::now() { "held until" } else { "probed one request at a time since" };
    Some(format!("{authority} {is} {}: {why}{more}", Time(last.until)))
}
