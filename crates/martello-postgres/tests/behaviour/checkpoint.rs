//! The checkpoint passes the conformance tests of `CheckpointStore`.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use martello_poll::{
    Acquired, Checkpoint, CheckpointErrorKind, CheckpointStore, Delivered, Fence, Held, NewParked, Parked,
    ParkedFilter, Save, Saved,
    conformance::{self, BoxError},
};
use martello_postgres::PostgresCheckpoint;

use crate::support::TestSchema;

impl conformance::Engine for TestSchema {
    type Store = PostgresCheckpoint;

    async fn fresh() -> Result<Option<Self>, BoxError> {
        Ok(Some(Self::fresh()))
    }

    async fn open(&self) -> Result<PostgresCheckpoint, BoxError> {
        Ok(self.builder().connect().await?.checkpoint("plannings")?)
    }

    async fn remove(self) -> Result<(), BoxError> {
        self.drop().await;
        Ok(())
    }
}

conformance::tests!(
    #[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
    TestSchema
);

const LEASE: Duration = Duration::from_secs(60);

async fn held(checkpoint: &PostgresCheckpoint) -> Held {
    match checkpoint.acquire(LEASE).await.unwrap() {
        Acquired::Held(held) => held,
        Acquired::HeldElsewhere => unreachable!("another poller holds the checkpoint"),
    }
}

/// A time with nanoseconds.
fn moment() -> Timestamp {
    "2024-11-29T10:00:00.123456789Z".parse().unwrap()
}

fn parked(key: &str, json: String) -> NewParked {
    NewParked {
        key: key.to_owned(),
        stamp: Some(moment()),
        position: martello_poll::ItemPosition { page: u32::MAX, item: 0 },
        json,
        reason: "no such depot".to_owned(),
        parked_at: moment(),
    }
}

fn save(park: Vec<NewParked>) -> Save {
    let delivered = vec![Delivered { stamp: moment(), key: "a\0b".to_owned() }];
    let checkpoint =
        Checkpoint { source: "s".to_owned(), start: Some(moment()), watermark: Some(moment()), delivered };
    Save { checkpoint, park, unpark: Vec::new() }
}

async fn saved(checkpoint: &PostgresCheckpoint, fence: Fence, save: Save) {
    assert_eq!(checkpoint.save(fence, save).await.unwrap(), Saved::Saved);
}

async fn all(checkpoint: &PostgresCheckpoint) -> Vec<Parked> {
    checkpoint.parked(ParkedFilter::default()).await.unwrap()
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_saved_checkpoint_is_read_back_exactly() {
    let test = TestSchema::fresh();
    let item = parked("a\0b", r#"{"id": "a\u0000b", "n": 1.50}"#.to_owned());
    let one = test.open().await.checkpoint("plannings").unwrap();
    let first = held(&one).await.fence;
    saved(&one, first, save(vec![item.clone(), item.clone()])).await;
    one.release(first).await.unwrap();
    let two = test.open().await.checkpoint("plannings").unwrap();
    assert_eq!(all(&two).await[0].item, item);
    let held = held(&two).await;
    assert_eq!(held.checkpoint, Some(save(Vec::new()).checkpoint));
    let worded = NewParked { reason: "a\0b".to_owned(), ..parked("c", "{}".to_owned()) };
    saved(&two, held.fence, save(vec![item, worded])).await;
    let all = all(&one).await;
    assert_eq!(all.len(), 2, "equal items are parked once");
    assert_eq!(all[1].item.reason, "a\u{fffd}b", "U+0000 in a reason is replaced");
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn polls_of_one_schema_are_independent() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let (one, two) = (store.checkpoint("one").unwrap(), store.checkpoint("two").unwrap());
    let (mine, theirs) = (held(&one).await, held(&two).await);
    saved(&one, mine.fence, save(vec![parked("a", "{}".to_owned())])).await;
    assert_eq!(two.save(mine.fence, save(Vec::new())).await.unwrap(), Saved::Fenced);
    assert!(!two.renew(mine.fence, LEASE).await.unwrap());
    two.release(theirs.fence).await.unwrap();
    assert!(held(&two).await.checkpoint.is_none());
    assert!(all(&two).await.is_empty());
    let ids: Vec<_> = all(&one).await.iter().map(|parked| parked.id).collect();
    assert_eq!(two.redeliver(ids.clone()).await.unwrap(), 0);
    assert_eq!(two.discard(ids.clone()).await.unwrap(), 0);
    assert_eq!(
        one.discard([ids.clone(), ids].concat()).await.unwrap(),
        1,
        "an id counts once if it is given twice"
    );
    assert!(store.checkpoint("one poll").is_err());
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn one_of_many_concurrent_pollers_acquires_the_checkpoint() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    for _ in 0..5 {
        let reach = (0..20).map(|_| {
            let checkpoint = store.checkpoint("plannings").unwrap();
            async move { checkpoint.acquire(LEASE).await.unwrap() }
        });
        let held = join_all(reach).await.into_iter().filter_map(|got| match got {
            Acquired::Held(held) => Some(held.fence),
            Acquired::HeldElsewhere => None,
        });
        let held: Vec<_> = held.collect();
        assert_eq!(held.len(), 1);
        store.checkpoint("plannings").unwrap().release(held[0]).await.unwrap();
    }
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_save_that_exceeds_the_limit_of_parked_bytes_is_refused_completely() {
    let test = TestSchema::fresh();
    let store = test.open().await.checkpoint("plannings").unwrap();
    let fence = held(&store).await.fence;
    // Each letter has two bytes.
    let large = |n: usize| parked(&n.to_string(), "é".repeat(Parked::MAX_BYTES / 16));
    let error = store.save(fence, save((0..9).map(large).collect())).await.unwrap_err();
    assert_eq!(error.kind(), CheckpointErrorKind::Full);
    assert!(all(&store).await.is_empty());
    store.release(fence).await.unwrap();
    let held = held(&store).await;
    assert_eq!(held.checkpoint, None);
    saved(&store, held.fence, save((0..8).map(large).collect())).await;
    assert_eq!(all(&store).await.len(), 8);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn errors_say_whether_the_poll_can_continue() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let checkpoint = store.checkpoint("plannings").unwrap();
    let fence = held(&checkpoint).await.fence;
    saved(&checkpoint, fence, save(Vec::new())).await;
    checkpoint.release(fence).await.unwrap();
    test.run("UPDATE __.checkpoint SET saved = left(saved, 20)").await;
    let error = checkpoint.acquire(LEASE).await.unwrap_err();
    assert_eq!(error.kind(), CheckpointErrorKind::Unusable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("the store holds an invalid checkpoint"), "{cause}");
    store.close().await;
    assert_eq!(checkpoint.acquire(LEASE).await.unwrap_err().kind(), CheckpointErrorKind::Unavailable);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_checkpoint_of_a_version_without_starts_can_be_read() {
    let test = TestSchema::fresh();
    let store = test.open().await.checkpoint("plannings").unwrap();
    let first = held(&store).await.fence;
    saved(&store, first, save(Vec::new())).await;
    store.release(first).await.unwrap();
    let text = r#"{"source":"s","watermark":"2024-11-29T10:00:00.123456789Z","delivered":[{"stamp":"2024-11-29T10:00:00.123456789Z","key":"a\u0000b"}]}"#;
    test.run(&format!("UPDATE __.checkpoint SET saved = '{text}'")).await;
    let expected = Checkpoint { start: None, ..save(Vec::new()).checkpoint };
    assert_eq!(held(&store).await.checkpoint, Some(expected));
    drop(store);
    test.drop().await;
}
