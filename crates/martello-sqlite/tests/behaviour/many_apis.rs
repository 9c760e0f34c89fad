//! Where one of many APIs is held, entries of the others are claimed in order, whether few or many wait for
//! the held one.

use std::time::Duration;

use jiff::Timestamp;
use martello_outbox::{
    EntryId, NewEntry, QueueName, Store,
    store::{Clock, End, HoldChange, ManualClock, Settlement, Turn, Turned},
};
use martello_sqlite::SqliteStore;

use crate::support::{claim, request, temp_store_path};

const APIS: usize = 100;
const HOLD: Duration = Duration::from_secs(30);

fn to(host: &str) -> NewEntry {
    let mut request = request("{}");
    request.uri = format!("https://{host}/plans/7").parse().unwrap();
    NewEntry::new(QueueName::default(), request)
}

async fn turn(store: &SqliteStore, many: usize, settle: Vec<Settlement>) -> Turned {
    store.turn(Turn { settle, cap: 1_000, ..claim(many) }).await.unwrap()
}

fn ids(turned: &Turned) -> Vec<EntryId> {
    turned.claimed.iter().map(|claimed| claimed.entry.id).collect()
}

async fn in_order_beside(held: usize) {
    let (_directory, path) = temp_store_path();
    let clock = ManualClock::new(Timestamp::now());
    let store = SqliteStore::builder(&path).clock(Clock::Manual(clock.clone())).open().await.unwrap();
    let down: Vec<NewEntry> = (0..held).map(|_| to("down")).collect();
    let first = down[0].id;
    store.enqueue(down).await.unwrap();
    let lease = turn(&store, 1, Vec::new()).await.claimed.remove(0).lease;
    let hold = HoldChange::For { holds_in_row: 0, wait: HOLD, why: "it is down".into() };
    turn(&store, 0, vec![Settlement { lease, end: End::GiveBack, attempt: None, hold }]).await;

    let others: Vec<NewEntry> = (0..2 * APIS).map(|nth| to(&format!("api-{}", nth % APIS))).collect();
    let order: Vec<EntryId> = others.iter().map(|entry| entry.id).collect();
    store.enqueue(others).await.unwrap();
    let late = (0..APIS).map(|nth| {
        let mut entry = to(&format!("late-{nth}"));
        entry.delay = Duration::from_secs(10 + u64::try_from(nth).unwrap());
        entry
    });
    let late: Vec<NewEntry> = late.collect();
    let latest: Vec<EntryId> = late.iter().map(|entry| entry.id).collect();
    store.enqueue(late).await.unwrap();
    for expected in order.chunks(7) {
        assert_eq!(ids(&turn(&store, expected.len(), Vec::new()).await), expected);
    }
    assert_eq!(turn(&store, 7, Vec::new()).await.next, Some(Duration::from_secs(10)));
    clock.advance(Duration::from_secs(25));
    let turned = turn(&store, 20, Vec::new()).await;
    assert_eq!((ids(&turned), turned.next), (latest[..16].to_vec(), Some(Duration::from_secs(1))));
    clock.advance(Duration::from_secs(5));
    let turned = turn(&store, 3, Vec::new()).await;
    assert_eq!(ids(&turned), [first, latest[16], latest[17]], "one shows whether it is back");
    assert_eq!(turned.claimed.iter().map(|claimed| claimed.holds_in_row).collect::<Vec<_>>(), [1, 0, 0]);
}

#[tokio::test]
async fn other_apis_are_claimed_in_order_beside_few_held_entries() {
    in_order_beside(5).await;
}

#[tokio::test]
async fn other_apis_are_claimed_in_order_beside_many_held_entries() {
    in_order_beside(1_500).await;
}
