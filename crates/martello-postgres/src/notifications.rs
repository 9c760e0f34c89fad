//! Announces changes to other stores by `NOTIFY`, at a bounded rate, and receives theirs: by `LISTEN`, and by
//! polling once a second.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use martello_outbox::engine::{Changes, Notifier};
use sqlx::{
    Row,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use uuid::Uuid;

use crate::{connections::Connections, schema::Schema, statement::Statement};

/// The least time between two notifications of one store.
const MIN_INTERVAL: Duration = Duration::from_millis(20);
/// The interval of polling, which finds changes whose notification was lost.
const POLL_INTERVAL: Duration = Duration::from_millis(900);
/// The timeout of one poll, after which the connections are verified.
const POLL_TIMEOUT: Duration = Duration::from_secs(5);
/// The first and the longest wait before it connects again.
const RECONNECT_WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Collects the changes to announce to other stores.
#[derive(Debug)]
pub(crate) struct Publisher {
    /// The store that announces. It ignores its own notifications.
    origin: Uuid,
    changes: Mutex<Changes>,
    pending: Notify,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        Self { origin: Uuid::now_v7(), changes: Mutex::default(), pending: Notify::new() }
    }

    pub(crate) fn publish(&self, changes: Changes) {
        if !changes.is_empty() {
            self.changes.lock().unwrap_or_else(PoisonError::into_inner).merge(changes);
            self.pending.notify_one();
        }
    }

    /// Announces changes until the future is dropped.
    pub(crate) async fn serve(&self, connections: &Connections, schema: &Schema) {
        loop {
            self.pending.notified().await;
            let changes = std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner));
            let notify = Statement::new(schema, "SELECT pg_notify($1, $2)")
                .bind(schema.channel())
                .bind(payload(changes, self.origin))
                .repeatable();
            // Polling finds changes that are not announced.
            drop(connections.fetch(&notify).await);
            sleep(MIN_INTERVAL).await;
        }
    }

    /// Passes the notifications of other stores on, until the future is dropped. Each connection lasts for
    /// `lifetime`, because a connection that went silent reports no error.
    pub(crate) async fn listen(
        &self,
        notifier: &Notifier,
        options: PgConnectOptions,
        channel: String,
        lifetime: Duration,
    ) {
        notifier.subscribed().await;
        let mut wait = RECONNECT_WAIT.0;
        loop {
            // The pool has one connection, and no timeouts of its own.
            let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
            let pool = pool.acquire_timeout(RECONNECT_WAIT.1).connect_lazy_with(options.clone());
            if let Ok(mut listener) = PgListener::connect_with(&pool).await
                && listener.listen(&channel).await.is_ok()
            {
                listener.eager_reconnect(false);
                wait = RECONNECT_WAIT.0;
                // Earlier notifications were missed.
                notifier.notify(Changes::ALL);
                let receiving = async {
                    while let Ok(Some(notification)) = listener.try_recv().await {
                        notifier.notify(changes_in(notification.payload(), self.origin));
                    }
                };
                // Polling finds changes that are not announced.
                drop(timeout(lifetime, receiving).await);
            }
            sleep(wait).await;
            wait = RECONNECT_WAIT.1.min(wait * 2);
        }
    }
}

/// Polls for changes until the future is dropped.
pub(crate) async fn poll_changes(notifier: &Notifier, connections: &Connections, schema: &Schema) {
    let mut ticks = interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = None;
    loop {
        notifier.subscribed().await;
        ticks.tick().await;
        let marks = Statement::new(schema, "SELECT count(*), max(n) FROM __.tally").repeatable();
        let rows = match timeout(POLL_TIMEOUT, connections.rows(&marks)).await {
            Ok(rows) => rows.ok(),
            Err(_) => {
                connections.verify_all();
                None
            }
        };
        let now = rows
            .as_deref()
            .and_then(<[_]>::first)
            .and_then(|row| Some((row.try_get::<i64, _>(0).ok()?, row.try_get::<Option<i64>, _>(1).ok()?)));
        // After an error anything may have changed.
        if now.is_none() || now != seen {
            notifier.notify(Changes::ALL);
        }
        seen = now;
    }
}

fn payload(changes: Changes, origin: Uuid) -> String {
    format!("{} {}", u8::from(changes.ready) + 2 * u8::from(changes.ended), origin.simple())
}

fn changes_in(payload: &str, own: Uuid) -> Changes {
    let (what, origin) = payload.split_once(' ').unwrap_or((payload, ""));
    if origin.parse() == Ok(own) {
        return Changes::default();
    }
    match what {
        "1" => Changes::READY,
        "2" => Changes { ready: false, ended: true },
        _ => Changes::ALL,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Changes, changes_in, payload};

    #[test]
    fn a_store_ignores_its_own_notifications() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let ended = Changes { ready: false, ended: true };
        for changes in [Changes::ALL, Changes::READY, ended] {
            assert_eq!(changes_in(&payload(changes, one), other), changes);
            assert_eq!(changes_in(&payload(changes, one), one), Changes::default());
        }
        assert_eq!(
            changes_in("3", one),
            Changes::ALL,
            "a notification of an external transaction has no origin"
        );
        assert_eq!(changes_in("unknown payload", one), Changes::ALL);
    }
}
