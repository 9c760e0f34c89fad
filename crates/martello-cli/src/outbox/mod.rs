//! `martello outbox`: lists, pauses, cancels and dead-letters stored requests.

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
        OutboxCommand::Show(args) => entries::show(context, &args).await,
        OutboxCommand::Pause(args) => queues::pause(context, &args.queue, &args.why).await,
        OutboxCommand::Resume { queue } => queues::resume(context, &queue).await,
        OutboxCommand::Cancel(selection) => bulk::run(context, selection, CANCEL).await,
        OutboxCommand::DeadLetter(selection) => bulk::run(context, selection, DEAD_LETTER).await,
    }
}

const CANCEL: BulkAction =
    BulkAction { change: Change::Cancel, of: State::Ready, verb: "cancel", past: "cancelled" };
const DEAD_LETTER: BulkAction =
    BulkAction { change: Change::DeadLetter, of: State::Ready, verb: "dead-letter", past: "dead-lettered" };
