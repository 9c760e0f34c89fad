//! A store that is full says so, keeps what it has, and goes on when there is room again.

use martello_outbox::{Change, Filter, Purge, Store, StoreErrorKind};
use martello_sqlite::SqliteStore;

use crate::support::{entry, place};

#[tokio::test]
async fn beyond_its_size_it_stores_nothing_more_and_loses_nothing() {
    let (_directory, path) = place();
    let store = SqliteStore::builder(&path).max_size(1024 * 1024).open().await.unwrap();
    let large = || {
        let mut large = entry();
        large.request.body = vec![b'-'; 100 * 1024].into();
        large
    };
    let mut ids = Vec::new();
    let error = loop {
        match store.enqueue(vec![large()]).await {
            Ok(stored) => ids.push(stored[0].id()),
            Err(error) => break error,
        }
    };
    let full = "there is no room left for the store: make room on its disk or raise its bound, and prune or purge it";
    assert_eq!((error.kind(), error.to_string().as_str()), (StoreErrorKind::Full, full));
    assert!((3..=10).contains(&ids.len()), "{} were stored", ids.len());
    assert_eq!(store.count(Filter::default()).await.unwrap(), u64::try_from(ids.len()).unwrap());

    // Of several that are written together, those that fit are.
    let (small, error) = tokio::join!(store.enqueue(vec![entry()]), store.enqueue(vec![large()]));
    assert_eq!(error.unwrap_err().kind(), StoreErrorKind::Full);
    small.unwrap();

    store.change(ids[0], Change::Bury).await.unwrap();
    assert_eq!(store.purge(Purge::All).await.unwrap(), 1);
    store.enqueue(vec![large()]).await.unwrap();
    assert!(store.examine().await.unwrap().iter().all(|finding| finding.well));
}
