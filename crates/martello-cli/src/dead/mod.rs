//! `martello dead`.

mod edit;
mod export;
mod purge;
mod replay;

use martello_outbox::{Change, State};

use crate::{
    Context,
    args::{Dead, DeadList},
    bulk::{self, Act},
    entries,
    failure::{Exit, Failure},
};

pub(crate) async fn run(context: &mut Context, verb: Dead) -> Result<Exit, Failure> {
    match verb {
        Dead::List(DeadList { filter, page }) => {
            let filter = filter.of(&*context.store, Some(State::Dead)).await?;
            entries::list(context, filter, &page).await
        }
        Dead::Show(look) => entries::show(context, &look).await,
        Dead::Edit(args) => edit::edit(context, args).await,
        Dead::Replay(args) => replay::replay(context, args).await,
        Dead::Replays { action } => replay::jobs(context, action).await,
        Dead::Purge(targets) => purge::purge(context, targets).await,
        Dead::Export(args) => export::export(context, args).await,
        Dead::Keep(targets) => bulk::run(context, targets, KEEP).await,
        Dead::Unkeep(targets) => bulk::run(context, targets, UNKEEP).await,
    }
}

const KEEP: Act = Act { change: Change::Keep, of: State::Dead, verb: "keep", past: "kept" };
const UNKEEP: Act =
    Act { change: Change::Unkeep, of: State::Dead, verb: "no longer keep", past: "no longer kept:" };
