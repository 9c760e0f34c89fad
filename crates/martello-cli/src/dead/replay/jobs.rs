use martello_outbox::{Filter, JobId, ReplayJob};
use serde_json::{Value, json};

use super::watch;
use crate::{
    Context,
    args::ReplaysCommand,
    bulk::noun,
    error::{CommandError, Exit},
    output::{Printable, Table, age},
};

/// `martello dead replays`.
pub(crate) async fn jobs(
    context: &mut Context,
    action: Option<ReplaysCommand>,
) -> Result<Exit, CommandError> {
    match action.unwrap_or(ReplaysCommand::List) {
        ReplaysCommand::List => list(context).await,
        ReplaysCommand::Watch { job } => watch::job(context, job).await,
        ReplaysCommand::Cancel { job } => cancel(context, job).await,
    }
}

async fn list(context: &mut Context) -> Result<Exit, CommandError> {
    let jobs = context.store.replays().await?;
    let out = &mut context.out;
    if out.is_json() {
        out.document(&json!({ "replays": jobs }))?;
        return Ok(Exit::Success);
    }
    if jobs.is_empty() {
        out.note("the store has no replays by filter")?;
        return Ok(Exit::Success);
    }
    let heads =
        ["REPLAY", "AGE", "RATE", "TOTAL", "DELIVERED", "DEAD", "WAITING", "RETURNED", "STATUS", "FILTER"];
    let mut table = Table::new(&heads, &[1, 2, 3, 4, 5, 6, 7]);
    for job in &jobs {
        table.row([
            job.id.to_string(),
            age(job.created_at),
            format!("{}/s", job.per_second),
            job.total.to_string(),
            job.done.to_string(),
            job.dead.to_string(),
            job.pending.to_string(),
            job.returned.to_string(),
            condition(job).to_owned(),
            described(&job.filter),
        ]);
    }
    out.line(table)?;
    Ok(Exit::Success)
}

async fn cancel(context: &mut Context, id: JobId) -> Result<Exit, CommandError> {
    let job = context.store.cancel_replay(id).await?;
    let out = &mut context.out;
    if out.is_json() {
        out.document(&job)?;
    } else {
        let noun = noun(martello_outbox::State::Dead, job.returned);
        let pending = match job.pending {
            0 => String::new(),
            many => format!(", {many} claimed by a worker or already attempted"),
        };
        out.line(format_args!(
            "cancelled: returned {} {noun}, {} delivered, {} dead for a new reason{pending}",
            job.returned, job.done, job.dead
        ))?;
    }
    Ok(Exit::Success)
}

fn condition(job: &ReplayJob) -> &'static str {
    match (job.cancelled_at, job.pending) {
        (Some(_), _) => "cancelled",
        (None, 0) => "done",
        (None, _) => "running",
    }
}

/// The filter's conditions as `name=value`.
fn described(filter: &Filter) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(filter) else { return String::new() };
    let set = fields.iter().filter(|(name, value)| *name != "state" && !value.is_null());
    let described: Vec<String> = set
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={}", Printable::new(&value))
        })
        .collect();
    if described.is_empty() { "all".to_owned() } else { described.join(" ") }
}
