use martello_outbox::QueueStats;
use serde_json::json;

use crate::{
    Context,
    failure::{Exit, Failure},
    output::{Plain, Table, Time, span},
};

/// How the queues stand.
pub(super) async fn stats(context: &mut Context) -> Result<Exit, Failure> {
    let queues = context.store.queues().await?;
    let out = &mut context.out;
    if out.is_json() {
        out.document(&json!({ "queues": queues }))?;
        return Ok(Exit::Well);
    }
    if queues.is_empty() {
        out.note("nothing was ever stored here")?;
        return Ok(Exit::Well);
    }
    let heads = ["QUEUE", "READY", "LEASED", "DONE", "DEAD", "CANCELLED", "OLDEST DUE", "IS"];
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
    Ok(Exit::Well)
}

/// Whether it is paused or held, and why.
pub(crate) fn condition(queue: &QueueStats) -> String {
    let paused = queue.paused.as_deref().map(|why| format!("paused: {}", Plain::whole(why)));
    let held = queue.held_until.map(|until| {
        let why = queue.held.as_deref().unwrap_or_default();
        format!("held until {}: {}", Time(until), Plain::whole(why))
    });
    paused.or(held).unwrap_or_else(|| "open".to_owned())
}
