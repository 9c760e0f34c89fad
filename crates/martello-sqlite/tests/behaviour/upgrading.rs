//! A file of an older version is migrated with its leases, and supports everything of the new version.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use martello_outbox::{
    AttemptRecord, Change, EntryId, Filter, NewEntry, OrderKey, Outcome, Overtaken, QueueName, Reason, State,
    Store, WhenOvertaken,
    store::{Claimed, Clock, End, HoldChange, ManualClock, Settled, Settlement, Turn, Turned},
};
use martello_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::support::{as_version, claim, request, temp_store_path};

const HOLD: Duration = Duration::from_secs(30);

fn to(host: &str, key: Option<&str>) -> NewEntry {
    let mut request = request("{}");
    request.uri = format!("https://{host}/plans/7").parse().unwrap();
    let mut entry = NewEntry::new(QueueName::default(), request);
    entry.order_key = key.map(|key| OrderKey::new(key).unwrap());
    entry.repeatable = true;
    entry
}

fn dead(host: &str, key: Option<&str>) -> NewEntry {
    let mut entry = to(host, key);
    entry.dead = Some(Reason::Rejected);
    entry
}

fn settlement(claimed: &Claimed, end: End, hold: HoldChange) -> Settlement {
    Settlement { lease: claimed.lease.clone(), end, attempt: None, hold }
}

async fn turn(store: &SqliteStore, settle: Vec<Settlement>, many: usize) -> Turned {
    store.turn(Turn { settle, cap: 20, ..claim(many) }).await.unwrap()
}

/// A file of an older version, and its clock.
struct Old {
    directory: TempDir,
    path: PathBuf,
    clock: ManualClock,
}

impl Old {
    fn new() -> Self {
        let (directory, path) = temp_store_path();
        Self { directory, path, clock: ManualClock::new(Timestamp::now()) }
    }

    async fn open(&self) -> SqliteStore {
        let clock = Clock::Manual(self.clock.clone());
        SqliteStore::builder(&self.path).clock(clock).open().await.unwrap()
    }

    /// Copies the store to a file of this version.
    async fn convert_to(&mut self, version: usize, store: SqliteStore) {
        store.close().await;
        let old = self.directory.path().join("old.db");
        as_version(version, &self.path, &old);
        self.path = old;
    }
}

async fn entries(store: &SqliteStore) -> Vec<(EntryId, State)> {
    let page = store.list(Filter::default(), None, 100).await.unwrap();
    page.entries.iter().map(|entry| (entry.id, entry.state)).collect()
}

#[tokio::test]
async fn entries_keep_their_states_and_are_held_by_authority() {
    for version in [1, 2] {
        let mut old = Old::new();
        let store = old.open().await;
        let edited = dead("wrong", None);
        let all = vec![to("a:443", None), to("a", None), to("A", None), to("b", None), dead("c", None)];
        store.enqueue(all).await.unwrap();
        let id = edited.id;
        store.enqueue(vec![edited]).await.unwrap();
        store.change(id, Change::Edit { on: 1, request: Box::new(to("a", None).request) }).await.unwrap();
        store.change(id, Change::Replay(WhenOvertaken::Refuse)).await.unwrap();
        let leased = turn(&store, Vec::new(), 1).await.claimed;
        let before = (entries(&store).await, store.queues().await.unwrap());
        old.convert_to(version, store).await;

        let store = old.open().await;
        assert_eq!((entries(&store).await, store.queues().await.unwrap()), before);
        let hold = HoldChange::For { holds_in_row: 0, wait: HOLD, why: "it is down".into() };
        let down = settlement(&leased[0], End::Again { wait: Duration::ZERO, counts: false }, hold);
        let turned = turn(&store, vec![down], 10).await;
        assert_eq!(turned.settled, [Settled::Applied]);
        let claimed: Vec<_> = turned.claimed.iter().map(|claimed| claimed.entry.uri.host()).collect();
        assert_eq!(claimed, [Some("b")], "the others are of what is held, as is what was edited to be");
        old.clock.advance(HOLD);
        assert_eq!(turn(&store, Vec::new(), 10).await.claimed.len(), 1, "one shows whether it is back");
    }
}

#[tokio::test]
async fn a_lease_that_expires_after_the_migration_is_taken_back() {
    let mut old = Old::new();
    let store = old.open().await;
    store.enqueue(vec![dead("a", Some("k")), to("a", Some("k"))]).await.unwrap();
    let leased = turn(&store, Vec::new(), 1).await.claimed;
    let (overtaken, id) = (entries(&store).await[1].0, leased[0].entry.id);
    old.convert_to(2, store).await;
    let store = old.open().await;
    old.clock.advance(Duration::from_secs(60));
    let turned = turn(&store, Vec::new(), 1).await;
    assert_eq!((turned.reclaimed_leases, turned.claimed[0].entry.id), (1, id));
    let late = settlement(&leased[0], End::Done, HoldChange::Keep);
    assert_eq!(turn(&store, vec![late], 0).await.settled, [Settled::Fenced]);
    let marked = store.entry(overtaken).await.unwrap().unwrap().overtaken;
    assert_eq!(marked, Some(Overtaken::Possibly), "the worker may have sent it");
}

#[tokio::test]
async fn a_dead_letter_is_overtaken_if_a_newer_entry_of_its_key_is_done() {
    let mut old = Old::new();
    let store = old.open().await;
    let mut elsewhere = dead("a", Some("k"));
    elsewhere.queue = QueueName::new("elsewhere").unwrap();
    let mut doubtful = dead("a", Some("k"));
    doubtful.dead = Some(Reason::Ambiguous);
    let all = vec![dead("a", Some("k")), dead("a", Some("other")), elsewhere, to("a", Some("k")), doubtful];
    let ids: Vec<EntryId> = all.iter().map(|entry| entry.id).collect();
    store.enqueue(all).await.unwrap();
    let claimed = turn(&store, Vec::new(), 1).await.claimed.remove(0);
    turn(&store, vec![settlement(&claimed, End::Done, HoldChange::Keep)], 0).await;
    old.convert_to(2, store).await;
    let store = old.open().await;
    let mut marks = Vec::new();
    for id in ids {
        marks.push(store.entry(id).await.unwrap().unwrap().overtaken);
    }
    assert_eq!(marks, [Some(Overtaken::Certainly), None, None, None, None]);
}

#[tokio::test]
async fn a_dead_letter_is_possibly_overtaken_if_a_newer_entry_may_have_been_processed() {
    use Outcome::{Ambiguous, Faulty, Rejected, Unavailable, Unsent};
    let newer = [
        (Some(Reason::Ambiguous), None, Some(Overtaken::Possibly)),
        (Some(Reason::Crashed), None, Some(Overtaken::Possibly)),
        (Some(Reason::Exhausted), None, None),
        (None, Some((Ambiguous, None)), Some(Overtaken::Possibly)),
        (Some(Reason::Rejected), Some((Unavailable, Some(504))), Some(Overtaken::Possibly)),
        (None, Some((Unavailable, Some(503))), None),
        (None, Some((Faulty, None)), Some(Overtaken::Possibly)),
        (Some(Reason::Rejected), Some((Rejected, Some(422))), None),
        (None, Some((Unsent, None)), None),
    ];
    let mut old = Old::new();
    let store = old.open().await;
    let mut ids = Vec::new();
    for (nth, (died, attempt, _)) in newer.iter().enumerate() {
        let key = nth.to_string();
        let older = dead("a", Some(&key));
        let mut newer = to("a", Some(&key));
        newer.dead = *died;
        newer.attempts.extend(attempt.map(|(outcome, status)| ended(outcome, status)));
        ids.push(older.id);
        store.enqueue(vec![older, newer]).await.unwrap();
    }
    old.convert_to(2, store).await;
    let store = old.open().await;
    for (id, newer) in ids.into_iter().zip(newer) {
        assert_eq!(store.entry(id).await.unwrap().unwrap().overtaken, newer.2, "{newer:?}");
    }
}

/// An attempt with this outcome.
fn ended(outcome: Outcome, status: Option<u16>) -> AttemptRecord {
    let status = status.map(|status| http::StatusCode::from_u16(status).unwrap());
    AttemptRecord {
        outcome,
        status,
        ..AttemptRecord::lost(1, 1, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, "w")
    }
}
