use martello_outbox::{
    engine::{Changes, Notifier},
    store::Clock,
};

use crate::{connections::Connections, notifications::Publisher, schema::Schema, statement::Statement};

/// The state that all operations and tasks of a store share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) connections: Connections,
    pub(crate) schema: Schema,
    pub(crate) clock: Clock,
    pub(crate) notifier: Notifier,
    pub(crate) publisher: Publisher,
}

impl Shared {
    /// A statement in which `__` stands for the schema.
    pub(crate) fn statement(&self, text: &str) -> Statement {
        Statement::new(&self.schema, text)
    }

    /// The time in microseconds since 1970; `None` if the server's clock applies.
    pub(crate) fn now(&self) -> Option<i64> {
        self.clock.manual_micros()
    }

    /// Notifies the subscribers of this store and the other stores.
    pub(crate) fn notify(&self, changes: Changes) {
        self.notifier.notify(changes);
        self.publisher.publish(changes);
    }
}
