//! `martello dead`.

mod edit;
mod export;
mod purge;
mod replay;

use martello_outbox::{Change, State};

use crate::{
    Context,
    args::{DeadCommand, DeadListArgs},
    bulk::{self, BulkAction},
    entries,
    error::{CommandError, Exit},
};

pub(crate) async fn run(context: &mut Context, verb: DeadCommand) -> Result<Exit, CommandError> {
    match verb {
        DeadCommand::List(DeadListArgs { filter, page }) => {
            let filter = filter.of(&*context.store, Some(State::Dead)).await?;
            entries::list(context, filter, &page).await
        }
        DeadCommand::Show(look) => entries::show(context, &look).await,
        DeadCommand::Edit(args) => edit::edit(context, args).await,
        DeadCommand::Replay(args) => replay::replay(context, args).await,
        DeadCommand::Replays { action } => replay::jobs(context, action).await,
        DeadCommand::Purge(targets) => purge::purge(context, targets).await,
        DeadCommand::Export(args) => export::export(context, args).await,
        DeadCommand::Keep(targets) => bulk::run(context, targets, KEEP).await,
        DeadCommand::Unkeep(targets) => bulk::run(context, targets, UNKEEP).await,
    }
}

const KEEP: BulkAction = BulkAction { change: Change::Protect, of: State::Dead, verb: "keep", past: "kept" };
const UNKEEP: BulkAction = BulkAction {
    change: Change::Unprotect,
    of: State::Dead,
    verb: "no longer keep",
    past: "no longer kept:",
};
