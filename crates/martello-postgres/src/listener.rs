//! How stores hear of each other's changes: by notifications, few however much is done, and by looking once a second.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    Row,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use uuid::Uuid;

use crate::{
    bells::{Bells, News},
    connections::Connections,
    schema::Schema,
    statement::Statement,
};

/// The least time between two notifications of one store.
const APART: Duration = Duration::from_millis(20);
/// How often it looks, in case that a notification was lost.
const EVERY: Duration = Duration::from_millis(900);
/// How long a look may take before it is taken for one at a server that says nothing any more.
const LOOK: Duration = Duration::from_secs(5);
/// The first and the longest wait before it connects again.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What is to be told to other stores.
#[derive(Debug)]
pub(crate) struct Announcer {
    /// Who tells it, and need not hear of it.
    origin: Uuid,
    news: Mutex<News>,
    some: Notify,
}

impl Announcer {
    pub(crate) fn new() -> Self {
        Self { origin: Uuid::now_v7(), news: Mutex::default(), some: Notify::new() }
    }

    pub(crate) fn tell(&self, news: News) {
        if !news.is_none() {
            self.news.lock().unwrap_or_else(PoisonError::into_inner).join(news);
            self.some.notify_one();
        }
    }

    /// Tells what there is to tell, for ever.
    pub(crate) async fn serve(&self, connections: &Connections, schema: &Schema) {
        loop {
            self.some.notified().await;
            let news = std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner));
            let notify = Statement::new(schema, "SELECT pg_notify($1, $2)")
                .bind(schema.channel())
                .bind(payload(news, self.origin))
                .repeatable();
            // What is not told is seen by looking.
            drop(connections.fetch(&notify).await);
            sleep(APART).await;
        }
    }

    /// Rings for what others have told, for ever, over connections that last so long: of one that went silent nobody
    /// hears.
    pub(crate) async fn listen(
        &self,
        bells: &Bells,
        options: PgConnectOptions,
        channel: String,
        lifetime: Duration,
    ) {
        bells.heard().await;
        let mut wait = WAIT.0;
        loop {
            // A pool that waits for the end of a connection gives no other.
            let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
            let pool = pool.acquire_timeout(WAIT.1).connect_lazy_with(options.clone());
            if let Ok(mut listener) = PgListener::connect_with(&pool).await
                && listener.listen(&channel).await.is_ok()
            {
                listener.eager_reconnect(false);
                wait = WAIT.0;
                // What was told before is lost.
                bells.ring(News::ALL);
                let told = async {
                    while let Ok(Some(told)) = listener.try_recv().await {
                        bells.ring(heard(told.payload(), self.origin));
                    }
                };
                // What is not told is seen by looking.
                drop(timeout(lifetime, told).await);
            }
            sleep(wait).await;
            wait = WAIT.1.min(wait * 2);
        }
    }
}

/// Looks whether anything has changed, for ever.
pub(crate) async fn look(bells: &Bells, connections: &Connections, schema: &Schema) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = None;
    loop {
        bells.heard().await;
        ticks.tick().await;
        let marks = Statement::new(schema, "SELECT count(*), max(n) FROM __.tally").repeatable();
        let rows = match timeout(LOOK, connections.rows(&marks)).await {
            Ok(rows) => rows.ok(),
            Err(_) => {
                connections.doubt();
                None
            }
        };
        let now = rows
            .as_deref()
            .and_then(<[_]>::first)
            .and_then(|row| Some((row.try_get::<i64, _>(0).ok()?, row.try_get::<Option<i64>, _>(1).ok()?)));
        // What cannot be read may have changed.
        if now.is_none() || now != seen {
            bells.ring(News::ALL);
        }
        seen = now;
    }
}

fn payload(news: News, origin: Uuid) -> String {
    format!("{} {}", u8::from(news.ready) + 2 * u8::from(news.ended), origin.simple())
}

fn heard(payload: &str, own: Uuid) -> News {
    let (what, origin) = payload.split_once(' ').unwrap_or((payload, ""));
    if origin.parse() == Ok(own) {
        return News::default();
    }
    match what {
        "1" => News::READY,
        "2" => News { ready: false, ended: true },
        _ => News::ALL,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{News, heard, payload};

    #[test]
    fn what_is_told_is_heard_by_others_only() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let ended = News { ready: false, ended: true };
        for news in [News::ALL, News::READY, ended] {
            assert_eq!(heard(&payload(news, one), other), news);
            assert_eq!(heard(&payload(news, one), one), News::default());
        }
        assert_eq!(heard("3", one), News::ALL, "what comes from a transaction of somebody else's");
        assert_eq!(heard("what is this", one), News::ALL);
    }
}
