//! Putting dead letters back.

mod jobs;
mod many;
mod named;
mod stalls;
mod watch;

pub(super) use jobs::jobs;
use martello_outbox::{State, WhenOvertaken};

use crate::{
    Context,
    args::{Replay, Target},
    ask,
    failure::{Exit, Failure},
};

/// Puts dead letters back, and waits for what becomes of them if somebody watches.
pub(super) async fn replay(context: &mut Context, args: Replay) -> Result<Exit, Failure> {
    let Replay { targets, rate, overwrite, watch, detach } = args;
    let bulk = targets.matching.bulk;
    let overtaken = if overwrite { WhenOvertaken::Overwrite } else { WhenOvertaken::Refuse };
    let watch = watch || !detach && !context.out.is_json() && ask::is_somebody_there();
    match (targets.target(&*context.store, State::Dead).await?, rate) {
        (Target::Ids(_), Some(_)) => Err(Failure::usage("a rate is for those of a filter")),
        (Target::Ids(ids), None) => named::replay(context, ids, overtaken, bulk.dry_run, watch).await,
        (Target::Matching(filter), rate) => {
            let rate = rate.unwrap_or_default();
            many::replay(context, many::Many { filter, rate, overtaken, bulk, watch }).await
        }
    }
}
