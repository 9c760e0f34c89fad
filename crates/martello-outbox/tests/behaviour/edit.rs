//! Revisions, and bodies that are sealed in the store.

use std::error::Error;

use bytes::Bytes;
use http::Request;
use martello_body::Body;
use martello_outbox::{Change, MemoryStore, NotStoredKind, Outbox, Sealing, StoreError, StoreErrorKind};

use crate::support::{Api, deferred, detail, put, send};

/// What a test can tell from plain text; an example shows a real one.
fn flip() -> Sealing {
    let flip = |id: martello_outbox::EntryId, body: Bytes| {
        let key = id.as_bytes()[15] | 1;
        Ok(body.iter().map(|byte| byte ^ key).collect::<Vec<u8>>().into())
    };
    Sealing::new(flip, flip)
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_a_new_revision_with_a_new_key_and_the_old_one_stays() {
    let outbox = Outbox::new(MemoryStore::new());
    let ticket = outbox.enqueue(put("/orders/1")).await.unwrap();
    let better = || {
        Request::put("https://api.example/orders/1")
            .header("authorization", "Bearer secret")
            .header("idempotency-key", "the old one")
            .body(Body::from("better"))
            .unwrap()
    };
    let error = outbox.edit(ticket.id(), 1, better()).await.unwrap_err();
    assert_eq!(error.kind(), NotStoredKind::Store, "it is not dead: {error:?}");

    outbox.store().change(ticket.id(), Change::DeadLetter).await.unwrap();
    let entry = outbox.edit(ticket.id(), 1, better()).await.unwrap();
    assert_eq!(entry.revision, 2);
    let detail = detail(&outbox, ticket.id()).await;
    let bodies: Vec<_> = detail.revisions.iter().map(|revision| revision.request.body.clone()).collect();
    assert_eq!(bodies, ["{}", "better"]);
    let keys: Vec<_> =
        detail.revisions.iter().map(|revision| revision.request.idempotency_key().unwrap()).collect();
    assert!(keys[0] != keys[1] && keys[1] != "the old one", "{keys:?}");
    assert!(!detail.revisions[1].request.headers.contains_key("authorization"));

    let error = outbox.edit(ticket.id(), 1, better()).await.unwrap_err();
    let cause = error.source().and_then(|cause| cause.downcast_ref::<StoreError>()).unwrap();
    assert_eq!(cause.kind(), StoreErrorKind::Conflict);
    let said = format!("entry {} was edited meanwhile: its last revision is 2, not 1", ticket.id());
    assert!(cause.to_string().starts_with(&said), "{cause}");
}

#[tokio::test(start_paused = true)]
async fn a_sealed_body_is_opened_only_by_who_has_the_key() {
    let store = MemoryStore::new();
    let outbox = Outbox::builder(store.clone()).sealing(flip()).build().unwrap();
    let id = deferred(send(&outbox, &Api::statuses([503]), put("/orders/1")).await);
    outbox.store().change(id, Change::DeadLetter).await.unwrap();
    outbox.edit(id, 1, put("/orders/1")).await.unwrap();

    let stored = detail(&outbox, id).await;
    assert!(stored.revisions.iter().all(|revision| revision.request.sealed && revision.request.body != "{}"));
    let opened = outbox.detail(id).await.unwrap().unwrap();
    assert!(
        opened.revisions.iter().all(|revision| !revision.request.sealed && revision.request.body == "{}")
    );

    let error = Outbox::new(store.clone()).detail(id).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid);
    let broken = Sealing::new(|_, body| Ok(body), |_, _| Err("wrong key".into()));
    let broken = Outbox::builder(store).sealing(broken).build().unwrap();
    assert!(broken.detail(id).await.unwrap_err().to_string().contains("cannot be opened"));

    let refusing = Sealing::new(|_, _| Err("no key".into()), |_, body| Ok(body));
    let refusing = Outbox::builder(MemoryStore::new()).sealing(refusing).build().unwrap();
    let error = refusing.enqueue(put("/orders/1")).await.unwrap_err();
    assert_eq!(error.kind(), NotStoredKind::Sealing);
}
