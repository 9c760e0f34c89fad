use std::time::Duration;

use futures_util::{StreamExt, stream};

use crate::support::{Memory, Row, outcomes, put, records, rows, upserts};
use martello_upsert::UpsertAll;

#[tokio::test(start_paused = true)]
async fn five_requests_run_concurrently() {
    let server = Memory::healthy();
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let began = tokio::time::Instant::now();
    upserts(&server).run(rows(keys.map(|key| (key, 1)))).await.unwrap();
    assert_eq!(server.seen().most_in_flight, 5);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn entities_of_a_key_are_sent_one_after_the_other_and_others_overtake_them() {
    let server = Memory::healthy();
    let input = rows([("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5)]);
    let records = records(upserts(&server), input).await;
    assert_eq!(outcomes(&records), ["updated"; 5]);
    let seen = server.seen();
    assert!(!seen.two_of_a_key);
    let of_a: Vec<_> = seen.written.iter().filter(|(key, _)| key == "a").map(|(_, value)| *value).collect();
    assert_eq!(of_a, [1, 2, 3]);
    let first: Vec<_> = seen.arrived.iter().take(3).map(|(key, _)| key.as_str()).collect();
    assert_eq!(first, ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn latest_wins_supersedes_entities_that_were_not_sent() {
    let server = Memory::healthy();
    let input = rows([("a", 1), ("a", 2), ("b", 3), ("a", 4), ("a", 5)]);
    let records = records(upserts(&server).latest_wins(), input).await;
    assert_eq!(outcomes(&records), ["updated", "superseded", "updated", "superseded", "updated"]);
    let written: Vec<_> = server.seen().written.iter().map(|(_, value)| *value).collect();
    assert_eq!(written, [1, 3, 5]);
}

#[tokio::test(start_paused = true)]
async fn without_an_order_entities_of_a_key_are_sent_concurrently() {
    let server = Memory::healthy();
    upserts(&server).unordered().run(rows([("a", 1), ("a", 2)])).await.unwrap();
    assert!(server.seen().two_of_a_key);
}

#[tokio::test(start_paused = true)]
async fn a_key_of_the_callers_own_orders_across_targets() {
    let server = Memory::healthy();
    upserts(&server).key_by(|_| "all").run(rows([("a", 1), ("b", 2), ("c", 3)])).await.unwrap();
    assert_eq!(server.seen().most_in_flight, 1);
}

#[tokio::test(start_paused = true)]
async fn the_input_is_read_no_further_than_the_look_ahead() {
    let server = Memory::healthy();
    for (look_ahead, waiting) in [(0, 1), (7, 8)] {
        // One key, so that all but one wait.
        let upserts = UpsertAll::new(server.clone(), put).look_ahead(look_ahead);
        let mut progress = upserts.progress();
        let input = stream::iter((0..100).map(|value| -> Row { ("a", value) }));
        let run = upserts.run(input);
        let watched = async {
            let most = 1 + waiting;
            while !progress.borrow_and_update().ended {
                let seen = *progress.borrow();
                assert!(seen.taken - seen.done() <= most, "{seen:?}");
                progress.changed().await.unwrap();
            }
        };
        let (report, ()) = tokio::join!(run, watched);
        assert_eq!(report.unwrap().counts().written(), 100);
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_is_read_only_when_there_is_capacity_for_it() {
    let server = Memory::healthy();
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let input = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|row: Row| (row, receiver))
    });
    let upserts = upserts(&server).concurrency(2);
    let progress = upserts.progress();
    let run = tokio::task::JoinSet::from_iter([upserts.run(input.boxed())]);
    for key in ["a", "b", "c"] {
        sender.send((key, 1)).await.unwrap();
    }
    // Two are in flight, the third is in the channel, and there is no capacity for a fourth.
    assert!(tokio::time::timeout(Duration::from_millis(500), sender.send(("d", 1))).await.is_err());
    assert_eq!(progress.borrow().taken, 2);
    drop((sender, run));
}
