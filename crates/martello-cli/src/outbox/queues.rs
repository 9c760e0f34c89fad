use martello_outbox::{QueueName, QueueStats, Store};

use crate::{
    Context,
    error::{CommandError, Exit},
};

pub(super) async fn pause(context: &mut Context, queue: &QueueName, why: &str) -> Result<Exit, CommandError> {
    find(&*context.store, queue).await?;
    context.store.pause(queue, why).await?;
    print(context, queue, "paused queue", "; deliveries in progress continue").await
}

pub(super) async fn resume(context: &mut Context, queue: &QueueName) -> Result<Exit, CommandError> {
    find(&*context.store, queue).await?;
    context.store.resume(queue).await?;
    print(context, queue, "resumed queue", "").await
}

async fn print(
    context: &mut Context,
    queue: &QueueName,
    done: &str,
    note: &str,
) -> Result<Exit, CommandError> {
    if context.out.is_json() {
        let stats = find(&*context.store, queue).await?;
        context.out.document(&stats)?;
    } else {
        context.out.line(format_args!("{done} {queue}{note}"))?;
    }
    Ok(Exit::Success)
}

/// The queue. It must exist: a mistyped name must not create a queue.
async fn find(store: &dyn Store, queue: &QueueName) -> Result<QueueStats, CommandError> {
    let queues = store.queues().await?;
    let names: Vec<_> = queues.iter().map(|known| known.queue.as_str()).collect();
    let message = match names.as_slice() {
        [] => format!("queue {queue} does not exist: the store has no queues yet"),
        names => format!("queue {queue} does not exist; existing queues: {}", names.join(", ")),
    };
    queues.into_iter().find(|known| known.queue == *queue).ok_or_else(|| CommandError::not_found(message))
}
