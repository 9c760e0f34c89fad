use http::StatusCode;

use super::super::{
    check::{holds, refused, same},
    fixture::{Fixture, entry, keyed, queue, request, seconds, start},
    violation::ScenarioResult,
};
use martello_outbox::{
    AttemptRecord, Enqueued, EntryEvent, EntryId, EventKind, Filter, NewEntry, Outcome, Reason, Revision,
    State, StoreErrorKind, StoredRequest, WhenPending,
};

fn dedup(text: &str) -> NewEntry {
    NewEntry { dedup_key: Some(text.into()), ..entry() }
}

fn superseding(key: &str) -> NewEntry {
    NewEntry { when_pending: WhenPending::Supersede, ..keyed(key) }
}

/// The two attempts of a call, which the layer stores with the entry.
pub(super) fn layer_attempts() -> Vec<AttemptRecord> {
    let attempt = |number, status| AttemptRecord {
        number,
        revision: 1,
        started: start(),
        duration: seconds(u64::from(number)),
        outcome: Outcome::Unavailable,
        status: StatusCode::from_u16(status).ok(),
        tracking_id: format!("call-{number}").parse().ok(),
        fault: Some("the server went away".into()),
        worker: None,
    };
    vec![attempt(1, 503), attempt(2, 504)]
}

pub(crate) async fn entries_are_stored_as_they_were_given(fixture: &Fixture<'_>) -> ScenarioResult {
    let new = NewEntry {
        queue: queue("orders"),
        dedup_key: Some("order 7".into()),
        delay: seconds(5),
        expires_in: seconds(50),
        max_attempts: 3,
        attempts: layer_attempts(),
        ..keyed("api.example/plans/7")
    };
    let id = fixture.put(new.clone()).await?;
    same("the id", id, new.id)?;
    let detail = fixture.detail(id).await?;
    let found = detail.entry;
    same("the queue", found.queue, new.queue)?;
    same("the state and its reason", (found.state, found.reason), (State::Ready, None))?;
    same("the method", found.method, new.request.method.clone())?;
    same("the URL", found.uri, new.request.uri.clone())?;
    same("the revision", found.revision, 1)?;
    same("the order key", found.order_key, new.order_key)?;
    same("the dedup key", found.dedup_key, new.dedup_key)?;
    same(
        "attempts, tries and how many it may have",
        (found.attempts, found.tries, found.max_attempts),
        (2, 0, 3),
    )?;
    same("when it was stored and last moved", (found.created_at, found.changed_at), (start(), start()))?;
    same("when it is due", found.due_at, start() + seconds(5))?;
    same("when it expires", found.expires_at, start() + seconds(50))?;
    same("its last outcome", found.last_outcome, Some(Outcome::Unavailable))?;
    same("its last status", found.last_status, Some(StatusCode::GATEWAY_TIMEOUT))?;
    same("its last tracking id", found.last_tracking_id.map(|id| id.to_string()), Some("call-2".to_owned()))?;
    holds("it may be repeated and is not protected", found.repeatable && !found.protected)?;
    same("its job and its successor", (found.job, found.superseded_by), (None, None))?;
    let revision = Revision { number: 1, at: start(), request: new.request };
    same("its revisions", detail.revisions, vec![revision])?;
    same("its attempts", detail.attempts, new.attempts)?;
    same("its events", detail.events, Vec::new())?;
    same("whether it is overtaken", found.overtaken, None)?;
    let once = fixture.put(NewEntry { repeatable: false, ..entry() }).await?;
    holds("one that must not be sent twice says so", !fixture.entry(once).await?.repeatable)
}

pub(crate) async fn an_enqueue_is_all_or_none(fixture: &Fixture<'_>) -> ScenarioResult {
    let waiting = fixture.put(keyed("k")).await?;
    let to = |url| StoredRequest { uri: http::Uri::from_static(url), ..request() };
    let bad = [
        NewEntry { request: to("/plans/7"), ..entry() },
        NewEntry { request: to("javascript://api.example/"), ..entry() },
        NewEntry { max_attempts: 0, ..entry() },
        dedup(&"x".repeat(256)),
        NewEntry { attempts: layer_attempts().split_off(1), ..entry() },
    ];
    for bad in bad {
        let entries = vec![dedup("a"), superseding("k"), bad];
        refused(
            "a bad entry among good ones",
            fixture.store().enqueue(entries).await,
            StoreErrorKind::Invalid,
        )?;
    }
    same("what is stored", fixture.store().count(Filter::default()).await?, 1)?;
    same("the one before", fixture.state(waiting).await?, State::Ready)?;
    fixture.put(dedup("a")).await?;
    same("the answers to nothing", fixture.store().enqueue(Vec::new()).await?, Vec::new())
}

pub(crate) async fn entries_are_in_the_order_in_which_they_were_stored(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let mut expected = Vec::new();
    for size in [3, 1, 64, 2] {
        // Ids in the other direction, so that they cannot be what orders.
        let mut entries: Vec<_> = (0..size).map(|_| entry()).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.id));
        let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        let answers = fixture.store().enqueue(entries).await?;
        same("the answers", answers, ids.iter().copied().map(Enqueued::Stored).collect::<Vec<_>>())?;
        expected.extend(ids);
    }
    same("the claims", fixture.claimable().await?, expected.clone())?;
    expected.reverse();
    let listed = fixture.store().list(Filter::default(), None, 1000).await?.entries;
    same("the list", listed.iter().map(|entry| entry.id).collect::<Vec<_>>(), expected)
}

pub(crate) async fn a_dedup_key_is_stored_once_in_a_queue(fixture: &Fixture<'_>) -> ScenarioResult {
    let first = fixture.put(dedup("a")).await?;
    let elsewhere = NewEntry { queue: queue("other"), ..dedup("a") };
    let (again, other, twice) = (dedup("a"), dedup("b"), dedup("b"));
    let expected = vec![
        Enqueued::Duplicate(first),
        Enqueued::Stored(elsewhere.id),
        Enqueued::Stored(other.id),
        Enqueued::Duplicate(other.id),
    ];
    let not_stored = again.id;
    let answers = fixture.store().enqueue(vec![again, elsewhere, other, twice]).await?;
    same("the answers", answers, expected)?;
    same("the duplicate", fixture.store().entry(not_stored).await?, None)?;
    same("what is stored", fixture.store().count(Filter::default()).await?, 3)?;
    fixture.put_some(2).await.map(drop)
}

pub(crate) async fn a_dedup_key_is_taken_in_whatever_state(fixture: &Fixture<'_>) -> ScenarioResult {
    use martello_outbox::{Change::Cancel, store::End};
    let leased = fixture.put(dedup("leased")).await?;
    let claimed = fixture.claim_one().await?;
    let dead = fixture.put_dead(dedup("dead")).await?;
    let cancelled = fixture.put(dedup("cancelled")).await?;
    fixture.store().change(cancelled, Cancel).await?;
    let taken = |of: &[(&str, EntryId)]| {
        (
            of.iter().map(|(key, _)| dedup(key)).collect(),
            of.iter().map(|(_, id)| Enqueued::Duplicate(*id)).collect(),
        )
    };
    let (again, answers): (Vec<_>, Vec<_>) =
        taken(&[("leased", leased), ("dead", dead), ("cancelled", cancelled)]);
    same("while leased, dead, cancelled", fixture.store().enqueue(again).await?, answers)?;
    fixture.settle(&claimed, End::Done).await?;
    let (again, answers): (Vec<_>, Vec<_>) = taken(&[("leased", leased)]);
    same("when done", fixture.store().enqueue(again).await?, answers)
}

pub(crate) async fn an_entry_that_is_enqueued_again_is_stored_once(fixture: &Fixture<'_>) -> ScenarioResult {
    let new = superseding("k");
    let id = fixture.put(new.clone()).await?;
    let before = fixture.detail(id).await?;
    fixture.pass(seconds(1));
    let answers = fixture.store().enqueue(vec![new, keyed("k")]).await?;
    same("the answer", answers.first(), Some(&Enqueued::Duplicate(id)))?;
    same("what was stored before", fixture.detail(id).await?, before)?;
    same("what is stored", fixture.store().count(Filter::default()).await?, 2)
}

pub(crate) async fn superseding_cancels_what_is_ready_of_the_key(fixture: &Fixture<'_>) -> ScenarioResult {
    let leased = fixture.put(keyed("k")).await?;
    fixture.claim_one().await?;
    let dead = fixture.put_dead(keyed("k")).await?;
    let late = fixture.put(NewEntry { delay: seconds(9), ..keyed("k") }).await?;
    let ready = fixture.put(keyed("k")).await?;
    let other_key = fixture.put(keyed("K")).await?;
    let other_queue = fixture.put(NewEntry { queue: queue("other"), ..keyed("k") }).await?;
    let keyless = fixture.put(entry()).await?;
    fixture.pass(seconds(1));
    let by = fixture.put(superseding("k")).await?;
    for id in [late, ready] {
        let detail = fixture.detail(id).await?;
        let found = (detail.entry.state, detail.entry.superseded_by, detail.entry.changed_at);
        same("what was superseded", found, (State::Cancelled, Some(by), fixture.now()))?;
        let detail_of = Some(by.to_string().into());
        let event = EntryEvent { at: fixture.now(), kind: EventKind::Superseded, detail: detail_of };
        same("its events", detail.events, vec![event])?;
    }
    same("one that a worker has", fixture.state(leased).await?, State::Leased)?;
    same("a dead letter", fixture.state(dead).await?, State::Dead)?;
    for id in [other_key, other_queue, keyless, by] {
        same("what is of no such key, or newer", fixture.state(id).await?, State::Ready)?;
    }
    Ok(())
}

pub(crate) async fn superseding_goes_by_the_order_of_a_batch(fixture: &Fixture<'_>) -> ScenarioResult {
    let (first, second, third) = (superseding("k"), keyed("k"), superseding("k"));
    let (keyless, by) = (NewEntry { when_pending: WhenPending::Supersede, ..entry() }, third.id);
    let ids = [first.id, second.id, third.id, keyless.id];
    fixture.store().enqueue(vec![first, second, third, keyless]).await?;
    let mut states = Vec::new();
    for id in ids {
        let entry = fixture.entry(id).await?;
        states.push((entry.state, entry.superseded_by));
    }
    let cancelled = (State::Cancelled, Some(by));
    same("the states", states, vec![cancelled, cancelled, (State::Ready, None), (State::Ready, None)])
}

pub(crate) async fn a_duplicate_supersedes_nothing(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put(dedup("a")).await?;
    let waiting = fixture.put(keyed("k")).await?;
    let duplicate = NewEntry { dedup_key: Some("a".into()), ..superseding("k") };
    fixture.store().enqueue(vec![duplicate]).await?;
    same("what waits", fixture.state(waiting).await?, State::Ready)
}

pub(crate) async fn an_entry_can_be_stored_as_a_dead_letter(fixture: &Fixture<'_>) -> ScenarioResult {
    let waiting = fixture.put(keyed("k")).await?;
    for reason in Reason::ALL {
        let new = NewEntry { dead: Some(*reason), attempts: layer_attempts(), ..superseding("k") };
        let detail = fixture.detail(fixture.put(new).await?).await?;
        let found = (detail.entry.state, detail.entry.reason, detail.entry.attempts);
        same("a dead letter", found, (State::Dead, Some(*reason), 2))?;
        same("its attempts", detail.attempts, layer_attempts())?;
        let died = Some(reason.as_str().into());
        let event = EntryEvent { at: fixture.now(), kind: EventKind::DeadLettered, detail: died };
        same("its events", detail.events, vec![event])?;
    }
    same("what waits of its key", fixture.state(waiting).await?, State::Ready)?;
    same("what can be claimed", fixture.claimable().await?, vec![waiting])
}

pub(crate) async fn a_key_is_pending_while_one_of_it_is_ready_or_leased(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    use martello_outbox::{
        OrderKey, QueueName,
        store::{End, KeyState},
    };
    let (default, other) = (QueueName::default(), queue("other"));
    let Some(key) = keyed("k").order_key else { return Ok(()) };
    let pending = |at: &'static str, expected: bool| {
        let (queue, key) = (&default, &key);
        async move { same(at, fixture.store().key_state(queue, key).await?.pending, expected) }
    };
    pending("before", false).await?;
    fixture.put_dead(keyed("k")).await?;
    fixture.put(entry()).await?;
    pending("with a dead letter of the key, and one without", false).await?;
    fixture.end(End::Done).await?;
    fixture.put(NewEntry { delay: seconds(1), ..keyed("k") }).await?;
    pending("with one that waits", true).await?;
    fixture.pass(seconds(1));
    let claimed = fixture.claim_one().await?;
    pending("with one that is leased", true).await?;
    same("another queue", fixture.store().key_state(&other, &key).await?, KeyState::default())?;
    if let Ok(other) = OrderKey::new("K") {
        same("another key", fixture.store().key_state(&default, &other).await?, KeyState::default())?;
    }
    fixture.settle(&claimed, End::Done).await?;
    pending("with one that is done", false).await
}

pub(crate) async fn times_end_at_the_last_timestamp(fixture: &Fixture<'_>) -> ScenarioResult {
    use jiff::Timestamp;
    let last = Timestamp::from_microsecond(Timestamp::MAX.as_microsecond()).unwrap_or(Timestamp::MAX);
    let ever = std::time::Duration::MAX;
    let late = fixture.put(NewEntry { delay: ever, expires_in: ever, ..entry() }).await?;
    let found = fixture.entry(late).await?;
    same("when it is due and expires", (found.due_at, found.expires_at), (last, last))?;
    let early = fixture.put(NewEntry { expires_in: ever, ..entry() }).await?;
    let claimed = fixture
        .turn(martello_outbox::store::Turn { lease_duration: ever, ..super::super::fixture::turn(1) })
        .await?
        .claimed;
    same("the lease", claimed.first().map(|claimed| claimed.until), Some(last))?;
    let leases = super::super::fixture::lease(&claimed);
    same("a heartbeat", fixture.store().heartbeat(leases, ever).await?, vec![true])?;
    for claimed in &claimed {
        fixture.settle(claimed, martello_outbox::store::End::Again { wait: ever, counts: true }).await?;
    }
    same("when it is due again", fixture.entry(early).await?.due_at, last)?;
    let default = martello_outbox::QueueName::default();
    fixture.put(entry()).await?;
    fixture.hold(&default, ever).await?;
    let until = fixture.stats(&default).await?.holds.first().map(|held| held.until);
    same("the hold", until, Some(last))?;
    same("the prune of what is older than that", fixture.store().prune(ever, 10).await?, 0)
}
