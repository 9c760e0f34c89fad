//! The parts of a store, and its background tasks.

use std::{sync::Arc, time::Duration};

use martello_outbox::{
    engine::Notifier,
    store::{Clock, Watch},
};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use crate::{
    connections::Connections,
    notifications::{Publisher, poll_changes},
    schema::Schema,
    shared::Shared,
    write::{Batcher, serve},
};

/// A store. Dropping it ends its tasks and closes its connections.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) batcher: Batcher,
    /// The tasks that listen and poll.
    watching: Vec<AbortHandle>,
    /// Dropping this ends them.
    _tasks: JoinSet<()>,
}

/// The options of a store.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) schema: Schema,
    pub(crate) clock: Clock,
    pub(crate) most: usize,
    pub(crate) waiting: usize,
    /// The lifetime of the connection that listens.
    pub(crate) lifetime: Duration,
}

impl Engine {
    /// Starts the tasks. The schema is migrated; `listen` is `None` where sessions are pooled.
    pub(crate) fn start(
        connections: Connections,
        listen: Option<PgConnectOptions>,
        options: Options,
    ) -> Self {
        let Options { schema, clock, most, waiting, lifetime } = options;
        let (notifier, publisher) = (Notifier::default(), Publisher::new());
        let shared = Arc::new(Shared { connections, schema, clock, notifier, publisher });
        let (batcher, receiver) = Batcher::new(waiting);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(Arc::clone(&shared), receiver, most));
        let of = Arc::clone(&shared);
        tasks.spawn(async move { of.publisher.serve(&of.connections, &of.schema).await });
        let of = Arc::clone(&shared);
        tasks.spawn(async move { of.connections.sweep().await });
        let of = Arc::clone(&shared);
        let looking =
            tasks.spawn(async move { poll_changes(&of.notifier, &of.connections, &of.schema).await });
        let mut watching = vec![looking];
        if let Some(listen) = listen {
            let of = Arc::clone(&shared);
            watching.push(tasks.spawn(async move {
                of.publisher.listen(&of.notifier, listen, of.schema.channel(), lifetime).await;
            }));
        }
        Self { shared, batcher, watching, _tasks: tasks }
    }

    /// Waits for the operations that run, starts no more, and closes the connections.
    pub(crate) async fn close(&self) {
        self.watching.iter().for_each(AbortHandle::abort);
        self.shared.connections.close().await;
    }

    pub(crate) fn watch(&self, what: Watch) -> watch::Receiver<u64> {
        self.shared.notifier.subscribe(what)
    }
}
