//! `martello outbox`.

mod queues;
mod stats;

use martello_outbox::{Change, State};
pub(crate) use stats::condition;

use crate::{
    Context,
    args::{OutboxCommand, OutboxListArgs},
    bulk::{self, BulkAction},
    entries,
    error::{CommandError, Exit},
};

pub(crate) async fn run(context: &mut Context, verb: OutboxCommand) -> Result<Exit, CommandError> {
    match verb {
        OutboxCommand::Stats => stats::stats(context).await,
        OutboxCommand::List(OutboxListArgs { state, filter, page }) => {
            let filter = filter.of(&*context.store, state).await?;
            entries::list(context, filter, &page).await
        }
        OutboxCommand::Show(look) => entries::show(context, &look).await,
        OutboxCommand::Pause(pause) => queues::pause(context, &pause.queue, &pause.why).await,
        OutboxCommand::Resume { queue } => queues::resume(context, &queue).await,
        OutboxCommand::Cancel(targets) => bulk::run(context, targets, CANCEL).await,
        OutboxCommand::Bury(targets) => bulk::run(context, targets, BURY).await,
    }
}

const CANCEL: BulkAction =
    BulkAction { change: Change::Cancel, of: State::Ready, verb: "cancel", past: "cancelled" };
const BURY: BulkAction =
    BulkAction { change: Change::DeadLetter, of: State::Ready, verb: "bury", past: "buried" };
