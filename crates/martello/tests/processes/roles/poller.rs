//! Polls, and says what comes of it.

use std::time::Duration;

use martello::{
    poll::{Event, JsonCursor, JsonSince, PollErrorKind, PollOptions, Poller},
    sqlite::SqliteStore,
};

use super::{client::client, say};
use crate::{
    ground::{Ground, postgres},
    part::Part,
};

pub(super) async fn play(part: &Part) {
    let options = PollOptions::builder()
        .interval(Duration::from_millis(50))
        .idle_interval(Duration::from_millis(50))
        .lease(part.lease)
        .seed(part.seed);
    let mut poller = poller(part).await.with_options(options.build().unwrap());
    while let Some(event) = poller.next().await.unwrap() {
        match event {
            Event::Batch(batch) => {
                let ids: Vec<_> = batch.items().iter().map(|item| item.key().to_owned()).collect();
                ids.iter().for_each(|id| say(&format!("got {id}")));
                match batch.ack().await {
                    Ok(()) => ids.iter().for_each(|id| say(&format!("kept {id}"))),
                    Err(error) => say(&format!("{:?}", error.kind())),
                }
            }
            Event::CaughtUp { .. } => say("caught up"),
            Event::Failed { error, .. } => {
                let expected = [PollErrorKind::HeldElsewhere, PollErrorKind::LeaseLost];
                assert!(expected.contains(&error.kind()), "{error:?}");
                say(&format!("{:?}", error.kind()));
            }
            event => panic!("{event:?}"),
        }
    }
}

async fn poller(part: &Part) -> Poller {
    let api = client(&part.name);
    let url = format!("http://{}/plannings", part.api);
    let plannings = JsonSince::new(&url, |url| JsonCursor::new(url)?.items("plannings")).unwrap();
    match &part.ground {
        Ground::Sqlite(path) => {
            let store = SqliteStore::open(path).await.unwrap();
            Poller::new(api, plannings, store.checkpoint("plannings").unwrap())
        }
        Ground::Postgres { schema, url } => {
            let store = postgres(schema, url).await;
            Poller::new(api, plannings, store.checkpoint("plannings").unwrap())
        }
    }
}
