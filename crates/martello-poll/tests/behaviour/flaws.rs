use martello_poll::{CheckpointStore, Event, FlawKind, MemoryCheckpoint, ParkedFilter, Place, Poller};

use crate::support::{Answer, Seen, Server, at, batch, item, next, options, page, poller, source};

fn of(page: u32, item: u32) -> Place {
    Place { page, item }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_cannot_be_told_from_others_is_parked_with_its_place_and_the_rest_goes_on() {
    let bad = [
        (r#"{"updated_at":"2024-11-29T09:00:00Z"}"#, FlawKind::NoKey),
        (r#"{"id":null,"updated_at":"2024-11-29T09:00:00Z"}"#, FlawKind::NoKey),
        (r#"{"id":[],"updated_at":"2024-11-29T09:00:00Z"}"#, FlawKind::NotAKey),
        (r#"{"id":"","updated_at":"2024-11-29T09:00:00Z"}"#, FlawKind::NoKey),
        (r#"{"id":"x"}"#, FlawKind::NoStamp),
        (r#"{"id":"x","updated_at":"yesterday"}"#, FlawKind::NotAStamp),
        (r#"{"id":"x","updated_at":1732874400}"#, FlawKind::NotAStamp),
        (r#"{"id":"x","updated_at":"2024-11-29T09:00:00"}"#, FlawKind::StampWithoutZone),
        ("7", FlawKind::NoKey),
    ];
    let list = bad.map(|(item, _)| item).join(",") + "," + &item("a", "09:00:00");
    let server = Server::new(move |_| page("10:00:00", &list, ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    let Event::Batch(first) = poller.next().await.unwrap().unwrap() else { panic!() };
    let flaws: Vec<_> = first.flaws().iter().map(|flaw| (flaw.place, flaw.kind)).collect();
    assert_eq!(flaws, (0..).zip(bad).map(|(index, (_, kind))| (of(1, index), kind)).collect::<Vec<_>>());
    assert_eq!(first.items().len(), 1);
    first.ack().await.unwrap();
    let parked = store.parked(ParkedFilter::default()).await.unwrap();
    assert_eq!(parked.len(), bad.len());
    assert!(bad.iter().all(|(_, kind)| kind.is_parked()));
    assert_eq!(
        (parked[4].item.json.as_str(), parked[4].item.reason.as_str()),
        (r#"{"id":"x"}"#, "it has no stamp")
    );

    // Listed once more, they are neither told nor parked once more.
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(1));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    assert_eq!(store.parked(ParkedFilter::default()).await.unwrap().len(), bad.len());
}

#[tokio::test(start_paused = true)]
async fn a_page_of_nothing_but_flaws_is_told() {
    let server = Server::new(|_| page("10:00:00", "{}", ""));
    let store = MemoryCheckpoint::default();
    let mut poller = poller(&server, &store);
    assert_eq!(next(&mut poller).await, batch(&[]));
    assert_eq!(store.parked(ParkedFilter::default()).await.unwrap().len(), 1);
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
}

#[tokio::test(start_paused = true)]
async fn a_stamp_from_the_future_is_told_and_delivered_once_and_moves_nothing() {
    for dated in [true, false] {
        let list =
            [item("a", "09:00:00"), r#"{"id":"f","updated_at":"2999-01-01T00:00:00Z"}"#.to_owned()].join(",");
        let server = Server::new(move |_| match dated {
            true => page("10:00:00", &list, ""),
            false => Answer::ok(&format!(r#"{{"data":[{list}]}}"#)),
        });
        let store = MemoryCheckpoint::default();
        let mut poller = poller(&server, &store);
        let Event::Batch(first) = poller.next().await.unwrap().unwrap() else { panic!() };
        assert_eq!(first.flaws()[0].to_string(), "page 1, item 1: its stamp is ahead of the server's clock");
        assert_eq!(first.items().len(), 2);
        first.ack().await.unwrap();
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(2));
        assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
        let watermark = store.checkpoint().unwrap().watermark.unwrap().to_string();
        assert_eq!(watermark, at(if dated { "10:00:00" } else { "09:00:00" }));
        assert!(store.parked(ParkedFilter::default()).await.unwrap().is_empty());
        assert!(!FlawKind::StampFromTheFuture.is_parked());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stamp_without_a_zone_can_be_taken_for_utc() {
    let server = Server::new(|_| page("10:00:00", r#"{"id":5,"updated_at":"2024-11-29T09:00:00"}"#, ""));
    let mut poller =
        Poller::new(server, source().stamps_are_utc(), MemoryCheckpoint::default()).with_options(options());
    let Event::Batch(first) = poller.next().await.unwrap().unwrap() else { panic!() };
    let item = &first.items()[0];
    assert_eq!((item.key(), item.stamp().unwrap().to_string()), ("5", at("09:00:00")));
}
