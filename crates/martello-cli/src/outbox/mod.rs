//! `martello outbox`.

mod queues;
mod stats;

use martello_outbox::{Change, State};
pub(crate) use stats::condition;

use crate::{
    Context,
    args::{Outbox, OutboxList},
    bulk::{self, Act},
    entries,
    failure::{Exit, Failure},
};

pub(crate) async fn run(context: &mut Context, verb: Outbox) -> Result<Exit, Failure> {
    match verb {
        Outbox::Stats => stats::stats(context).await,
        Outbox::List(OutboxList { state, filter, page }) => {
            let filter = filter.of(&*context.store, state).await?;
            entries::list(context, filter, &page).await
        }
        Outbox::Show(look) => entries::show(context, &look).await,
        Outbox::Pause(pause) => queues::pause(context, &pause.queue, &pause.why).await,
        Outbox::Resume { queue } => queues::resume(context, &queue).await,
        Outbox::Cancel(targets) => bulk::run(context, targets, CANCEL).await,
        Outbox::Bury(targets) => bulk::run(context, targets, BURY).await,
    }
}

const CANCEL: Act = Act { change: Change::Cancel, of: State::Ready, verb: "cancel", past: "cancelled" };
const BURY: Act = Act { change: Change::Bury, of: State::Ready, verb: "bury", past: "buried" };
