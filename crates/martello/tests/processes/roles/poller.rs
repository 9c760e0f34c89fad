//! Polls, and prints every event.

use std::time::Duration;

use martello::{
    poll::{Event, JsonCursor, JsonSince, PollErrorKind, PollOptions, Poller},
    sqlite::SqliteStore,
};

use super::{client::client, print};
use crate::{
    process_config::ProcessConfig,
    test_store::{TestStore, postgres},
};

pub(super) async fn run(config: &ProcessConfig) {
    let options = PollOptions::builder()
        .interval(Duration::from_millis(50))
        .idle_interval(Duration::from_millis(50))
        .lease(config.lease)
        .seed(config.seed);
    let mut poller = poller(config).await.with_options(options.build().unwrap());
    while let Some(event) = poller.next().await.unwrap() {
        match event {
            Event::Batch(batch) => {
                let ids: Vec<_> = batch.items().iter().map(|item| item.key().to_owned()).collect();
                ids.iter().for_each(|id| print(&format!("got {id}")));
                match batch.ack().await {
                    Ok(()) => ids.iter().for_each(|id| print(&format!("kept {id}"))),
                    Err(error) => print(&format!("{:?}", error.kind())),
                }
            }
            Event::CaughtUp { .. } => print("caught up"),
            Event::Failed { error, .. } => {
                let expected = [PollErrorKind::HeldElsewhere, PollErrorKind::LeaseLost];
                assert!(expected.contains(&error.kind()), "{error:?}");
                print(&format!("{:?}", error.kind()));
            }
            event => panic!("{event:?}"),
        }
    }
}

async fn poller(config: &ProcessConfig) -> Poller {
    let api = client(&config.name);
    let url = format!("http://{}/plannings", config.api);
    let plannings = JsonSince::new(&url, |url| JsonCursor::new(url)?.items("plannings")).unwrap();
    match &config.test_store {
        TestStore::Sqlite(path) => {
            let store = SqliteStore::open(path).await.unwrap();
            Poller::new(api, plannings, store.checkpoint("plannings").unwrap())
        }
        TestStore::Postgres { schema, url } => {
            let store = postgres(schema, url).await;
            Poller::new(api, plannings, store.checkpoint("plannings").unwrap())
        }
    }
}
