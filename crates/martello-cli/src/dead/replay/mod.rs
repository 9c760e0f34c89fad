//! `martello dead replay` and `martello dead replays`: puts dead letters back into their queues.

mod by_filter;
mod by_id;
mod jobs;
mod stalls;
mod watch;

pub(super) use jobs::jobs;
use martello_outbox::{State, WhenOvertaken};

use crate::{
    Context,
    args::{ReplayArgs, Selection},
    confirm,
    error::{CommandError, Exit},
};

/// Puts dead letters back, and waits for the results with `--watch` or on a terminal.
pub(super) async fn replay(context: &mut Context, args: ReplayArgs) -> Result<Exit, CommandError> {
    let ReplayArgs { selection, rate, overwrite, watch, detach } = args;
    let bulk = selection.matching.bulk;
    let overtaken = if overwrite { WhenOvertaken::Overwrite } else { WhenOvertaken::Refuse };
    let watch = watch || !detach && !context.out.is_json() && confirm::is_interactive();
    match (selection.resolve(&*context.store, State::Dead).await?, rate) {
        (Selection::Ids(_), Some(_)) => {
            Err(CommandError::usage("--rate applies to a filter or --all, not to ids"))
        }
        (Selection::Ids(ids), None) => by_id::replay(context, ids, overtaken, bulk.dry_run, watch).await,
        (Selection::Matching(filter), rate) => {
            let rate = rate.unwrap_or_default();
            by_filter::replay(context, by_filter::FilterReplay { filter, rate, overtaken, bulk, watch }).await
        }
    }
}
