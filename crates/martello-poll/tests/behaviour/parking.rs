use martello_poll::{CheckpointStore, Event, MemoryCheckpoint, Parked, ParkedFilter, ParkedId, Poller};

use crate::support::{Seen, Server, batch, item, next, page, poller};

async fn reject_all(poller: &mut Poller, why: &str) {
    let Event::Batch(batch) = poller.next().await.unwrap().unwrap() else { panic!() };
    for item in batch.items() {
        batch.reject(item, why);
    }
    batch.ack().await.unwrap();
}

async fn parked(store: &MemoryCheckpoint) -> Vec<Parked> {
    store.parked(ParkedFilter::default()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_rejected_is_parked_and_delivered_again_when_asked_for() {
    let list = [item("a", "09:59:00"), item("b", "09:59:30")].join(",");
    let server = Server::new(move |_| page("10:00:00", &list, ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    reject_all(&mut poller, "no such depot").await;
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(2));
    let all = parked(&store).await;
    assert_eq!(
        (all[1].item.key.as_str(), all[1].item.reason.as_str(), all[1].item.position.item),
        ("b", "no such depot", 1)
    );
    assert_eq!(all[1].item.json, item("b", "09:59:30"));

    assert_eq!(store.redeliver(vec![all[1].id, ParkedId(99)]).await.unwrap(), 1);
    reject_all(&mut poller, "still none").await;
    let all = parked(&store).await;
    assert_eq!(
        all.iter().map(|parked| parked.item.reason.as_str()).collect::<Vec<_>>(),
        ["no such depot", "still none"]
    );
    assert!(!all[1].redeliver);

    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    store.redeliver(vec![all[0].id, all[1].id]).await.unwrap();
    assert_eq!(next(&mut poller).await, batch(&["a", "b"]));
    assert!(parked(&store).await.is_empty());
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_is_saved_with_its_batch_before_the_end_of_the_pass() {
    let server = Server::new(|n| page("10:00:00", &item(&n.to_string(), "09:59:00"), &format!("c{n}")));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    reject_all(&mut poller, "no").await;
    assert_eq!(parked(&store).await.len(), 1);
    assert_eq!(store.checkpoint().unwrap().watermark, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_discarded_is_gone() {
    let server = Server::new(|_| page("10:00:00", &item("a", "09:59:00"), ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    reject_all(&mut poller, "no").await;
    let id = parked(&store).await[0].id;
    assert_eq!(store.discard(vec![id]).await.unwrap(), 1);
    assert_eq!(store.redeliver(vec![id]).await.unwrap(), 0);
    assert!(parked(&store).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_long_reason_is_cut() {
    let server = Server::new(|_| page("10:00:00", &item("a", "09:59:00"), ""));
    let store = MemoryCheckpoint::default();
    reject_all(&mut poller(&server, &store), &"é".repeat(5_000)).await;
    assert_eq!(parked(&store).await[0].item.reason, "é".repeat(512));
}

#[tokio::test(start_paused = true)]
async fn what_is_parked_does_not_steer_a_terminal() {
    let server = Server::new(|_| page("10:00:00", &item("a\u{202e}b", "09:59:00"), ""));
    let store = MemoryCheckpoint::default();
    reject_all(&mut poller(&server, &store), "no\u{1b}[2J\nroom").await;
    let parked = parked(&store).await.remove(0);
    assert_eq!(parked.item.key, "a\u{202e}b");
    assert_eq!(
        parked.to_string(),
        format!("{}, page 1, item 0, a\\u{{202e}}b: no\\u{{1b}}[2J\\nroom", parked.id)
    );
}
