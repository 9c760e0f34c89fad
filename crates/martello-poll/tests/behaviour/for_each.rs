use std::sync::{Arc, Mutex};

use martello_poll::{CheckpointStore, MemoryCheckpoint, ParkedFilter};
use serde::Deserialize;

use crate::support::{Seen, Server, batch, item, next, page, poller};

#[derive(Deserialize)]
struct Planning {
    id: String,
}

#[tokio::test(start_paused = true)]
async fn an_item_that_fails_is_parked_and_the_rest_goes_on() {
    let odd = r#"{"id":7,"updated_at":"2024-11-29T09:59:00Z"}"#.to_owned();
    let list = [item("a", "09:59:00"), item("bad", "09:59:00"), odd, item("c", "09:59:00")].join(",");
    let server = Server::new(move |_| page("10:00:00", &list, ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    let stopper = poller.stopper();
    let mut done = Vec::new();
    let work = |planning: Planning| {
        let result = if planning.id == "bad" { Err("no such depot") } else { Ok(()) };
        if planning.id == "c" {
            stopper.stop();
        }
        done.push(planning.id);
        async move { result }
    };
    poller.for_each(work).await.unwrap();
    assert_eq!(done, ["a", "bad", "c"]);
    let parked = store.parked(ParkedFilter::default()).await.unwrap();
    assert_eq!(parked[0].item.reason, "no such depot");
    assert_eq!(parked[1].item.key, "7");
    assert!(parked[1].item.reason.starts_with("invalid type"));
    assert!(store.checkpoint().unwrap().watermark.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_poller_can_be_a_task_of_its_own() {
    let server = Server::new(|_| page("10:00:00", &item("a", "09:59:00"), ""));
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    let stopper = poller.stopper();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        poller
            .for_each(|_: Planning| {
                stopper.stop();
                async { Ok::<_, std::io::Error>(()) }
            })
            .await
    });
    tasks.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_batch_keeps_what_was_done_and_leaves_the_rest() {
    let list = [item("a", "09:59:00"), item("b", "09:59:00"), item("c", "09:59:00")].join(",");
    let server = Server::new(move |_| page("10:00:00", &list, ""));
    let store = MemoryCheckpoint::default();
    let done = Arc::new(Mutex::new(Vec::new()));
    let mut one = poller(&server, &store);
    let stopper = one.stopper();
    let seen = done.clone();
    one.for_each(move |planning: Planning| {
        seen.lock().unwrap().push(planning.id);
        stopper.stop();
        async { Err("not today") }
    })
    .await
    .unwrap();
    assert_eq!(*done.lock().unwrap(), ["a"]);
    assert_eq!(store.checkpoint().unwrap().watermark, None);
    assert_eq!(store.parked(ParkedFilter::default()).await.unwrap().len(), 1);
    let mut two = poller(&server, &store);
    assert_eq!(next(&mut two).await, batch(&["b", "c"]));
    assert_eq!(next(&mut two).await, Seen::CaughtUp(2));
}

#[tokio::test(start_paused = true)]
async fn a_reason_has_no_secret_of_a_url_that_an_error_quotes() {
    let server = Server::new(|_| page("10:00:00", &item("a", "09:59:00"), ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    let stopper = poller.stopper();
    let work = |_: Planning| {
        stopper.stop();
        async { Err("POST https://me:s3cret@api.example/plan?key=s3cret: reset") }
    };
    poller.for_each(work).await.unwrap();
    let parked = store.parked(ParkedFilter::default()).await.unwrap();
    assert_eq!(parked[0].item.reason, "POST https://***@api.example/plan?key=***: reset");
}
