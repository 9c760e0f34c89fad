//! A ticket reads the state of its request and waits for its end.

use martello_outbox::{Change, EntryId, MemoryStore, Outbox, OutboxOptions, State, StoreErrorKind};
use tokio_test::{assert_pending, task};

use crate::support::{put, stored};

#[tokio::test(start_paused = true)]
async fn an_end_is_awaited_from_wherever_it_comes() {
    let outbox = Outbox::new(MemoryStore::new());
    let ticket = outbox.enqueue(put("/orders/1")).await.unwrap();
    let later = outbox.ticket(ticket.id());
    let mut ended = task::spawn(later.ended());
    assert_pending!(ended.poll());
    outbox.store().change(ticket.id(), Change::Cancel).await.unwrap();
    assert_eq!(ended.await.unwrap().state, State::Cancelled);
    assert_eq!(ticket.status().await.unwrap().state, State::Cancelled);
    assert_eq!(ticket.detail().await.unwrap().entry.id, ticket.id());

    let error = outbox.ticket(EntryId::new()).ended().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_the_request_that_was_stored_first() {
    let outbox = Outbox::new(MemoryStore::new());
    let request = || {
        let mut request = put("/orders/1");
        request.extensions_mut().insert(OutboxOptions::new().dedup_key("one").unordered());
        request
    };
    let first = outbox.enqueue(request()).await.unwrap();
    let second = outbox.enqueue(request()).await.unwrap();
    assert_eq!((first.id(), first.is_duplicate()), (second.id(), false));
    assert!(second.is_duplicate());
    assert_eq!(stored(&outbox).await.len(), 1);
}
