//! `martello dead`: inspects, edits, replays, exports and purges dead letters.

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
        DeadCommand::Show(args) => entries::show(context, &args).await,
        DeadCommand::Edit(args) => edit::edit(context, args).await,
        DeadCommand::Replay(args) => replay::replay(context, args).await,
        DeadCommand::Replays { action } => replay::jobs(context, action).await,
        DeadCommand::Purge(selection) => purge::purge(context, selection).await,
        DeadCommand::Export(args) => export::export(context, args).await,
        DeadCommand::Protect(selection) => bulk::run(context, selection, PROTECT).await,
        DeadCommand::Unprotect(selection) => bulk::run(context, selection, UNPROTECT).await,
    }
}

const PROTECT: BulkAction =
    BulkAction { change: Change::Protect, of: State::Dead, verb: "protect", past: "protected" };
const UNPROTECT: BulkAction =
    BulkAction { change: Change::Unprotect, of: State::Dead, verb: "unprotect", past: "unprotected" };
