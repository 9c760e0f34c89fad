use std::time::Duration;

use martello_outbox::{EntryId, Filter, ReplayJob, State, Store, WhenOvertaken};
use serde_json::json;

use super::watch;
use crate::{
    Context,
    args::{BulkArgs, Rate},
    bulk::{count, noun},
    confirm,
    entries::EntryPages,
    error::{CommandError, Exit},
    output::span,
};

/// From this many matches on, the check for overtaken ones takes long enough for a note.
const MANY: u64 = 5_000;

/// The arguments of a replay by filter.
pub(super) struct FilterReplay {
    pub(super) filter: Filter,
    pub(super) rate: Rate,
    pub(super) overtaken: WhenOvertaken,
    pub(super) bulk: BulkArgs,
    pub(super) watch: bool,
}

/// Creates a replay job, which the store then carries out without this command.
pub(super) async fn replay(context: &mut Context, many: FilterReplay) -> Result<Exit, CommandError> {
    let store = &*context.store;
    let matched = count(store, &many.filter).await?;
    let Rate(per_second) = many.rate;
    let most = matched.min(ReplayJob::MOST);
    let overtaken = match many.overtaken {
        WhenOvertaken::Overwrite => Vec::new(),
        WhenOvertaken::Refuse => {
            if most >= MANY {
                context.out.note("checking for dead letters that newer requests have overtaken …")?;
            }
            overtaken(store, &many.filter).await?
        }
    };
    let takes = Duration::try_from_secs_f64(to_f64(most.saturating_sub(1)) / per_second);
    let what = format!(
        "replay {most} {} at {} per second, taking {}",
        noun(State::Dead, most),
        per_second,
        span(takes.unwrap_or(Duration::MAX))
    );
    if many.bulk.dry_run {
        return print_dry_run(context, &many, matched, &overtaken, &what);
    }
    check_overtaken(&overtaken)?;
    confirm::confirm(many.bulk, &what).await?;
    let job = store.replay(many.filter, per_second, many.overtaken).await?;
    if job.total < matched {
        context.out.note(format_args!(
            "a replay takes at most {most} dead letters; replay the rest when it is done"
        ))?;
    }
    if many.watch {
        return watch::job(context, job.id).await;
    }
    if context.out.is_json() {
        context.out.document(&job)?;
    } else {
        context.out.line(format_args!(
            "replaying {} {}: {}",
            job.total,
            noun(State::Dead, job.total),
            job.id
        ))?;
        context.out.note(format_args!("to watch it: martello dead replays watch {}", job.id))?;
    }
    Ok(Exit::Success)
}

fn print_dry_run(
    context: &mut Context,
    many: &FilterReplay,
    matched: u64,
    overtaken: &[EntryId],
    what: &str,
) -> Result<Exit, CommandError> {
    let out = &mut context.out;
    if out.is_json() {
        let per_second = many.rate.0;
        let document = json!({
            "verb": "replayed", "dry_run": true, "matched": matched, "done": 0, "per_second": per_second,
            "overtaken": overtaken,
        });
        out.document(&document)?;
    } else {
        out.line(format_args!("would {what}"))?;
    }
    // The dry run fails where the replay would.
    check_overtaken(overtaken)?;
    Ok(Exit::Success)
}

fn check_overtaken(overtaken: &[EntryId]) -> Result<(), CommandError> {
    let first: Vec<String> = overtaken.iter().take(3).map(ToString::to_string).collect();
    if first.is_empty() {
        return Ok(());
    }
    let many = overtaken.len();
    let more = if many > first.len() { ", …" } else { "" };
    let first = first.join(", ") + more;
    Err(CommandError::conflict(format!(
        "{}: {first}; add --overwrite to replay anyway",
        if many == 1 {
            "1 dead letter would overwrite a newer request of its order key".to_owned()
        } else {
            format!("{many} dead letters would overwrite newer requests of their order keys")
        }
    )))
}

/// The matches that a newer request has overtaken.
async fn overtaken(store: &dyn Store, filter: &Filter) -> Result<Vec<EntryId>, CommandError> {
    let (mut overtaken, mut pages) = (Vec::new(), EntryPages::new(store, filter, 1_000));
    while let Some(page) = pages.next().await? {
        overtaken.extend(page.iter().filter(|entry| entry.overtaken.is_some()).map(|entry| entry.id));
    }
    Ok(overtaken)
}

fn to_f64(many: u64) -> f64 {
    u32::try_from(many).map_or(f64::from(u32::MAX), f64::from)
}
