use martello_outbox::{QueueName, QueueStats, Store};

use crate::{
    Context,
    error::{CommandError, Exit},
};

pub(super) async fn pause(context: &mut Context, queue: &QueueName, why: &str) -> Result<Exit, CommandError> {
    find(&*context.store, queue).await?;
    context.store.pause(queue, why).await?;
    told(context, queue, "is paused; what workers have goes on").await
}

pub(super) async fn resume(context: &mut Context, queue: &QueueName) -> Result<Exit, CommandError> {
    find(&*context.store, queue).await?;
    context.store.resume(queue).await?;
    told(context, queue, "is open").await
}

async fn told(context: &mut Context, queue: &QueueName, what: &str) -> Result<Exit, CommandError> {
    if context.out.is_json() {
        let stats = find(&*context.store, queue).await?;
        context.out.document(&stats)?;
    } else {
        context.out.line(format_args!("the queue {queue} {what}"))?;
    }
    Ok(Exit::Success)
}

/// The queue, which must have been used: a name that is mistyped must not make one.
async fn find(store: &dyn Store, queue: &QueueName) -> Result<QueueStats, CommandError> {
    let queues = store.queues().await?;
    let names: Vec<_> = queues.iter().map(|known| known.queue.as_str()).collect();
    let message = match names.as_slice() {
        [] => format!("there is no queue {queue}: nothing was ever stored here"),
        names => format!("there is no queue {queue}, but {}", names.join(", ")),
    };
    queues.into_iter().find(|known| known.queue == *queue).ok_or_else(|| CommandError::not_found(message))
}
