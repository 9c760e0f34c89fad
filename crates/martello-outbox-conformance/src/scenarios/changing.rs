use http::{Method, Uri};

use super::super::{
    check::{refused, same},
    fixture::{Fixture, LEASE, entry, keyed, request, seconds, turn},
    violation::{Fault, ScenarioResult},
};
use martello_outbox::{
    Change, EntryEvent, EntryId, EventKind, NewEntry, Reason, Revision, State, StoreErrorKind, StoredRequest,
    WhenOvertaken, store::End,
};

fn corrected() -> StoredRequest {
    StoredRequest {
        method: Method::POST,
        uri: Uri::from_static("https://other.example/v2"),
        body: "corrected".into(),
        ..request()
    }
}

fn edit(on: u32, request: StoredRequest) -> Change {
    Change::Edit { on, request: Box::new(request) }
}

fn every_change() -> [(Change, State); 6] {
    [
        (Change::Cancel, State::Ready),
        (Change::DeadLetter, State::Ready),
        (Change::Replay(WhenOvertaken::Refuse), State::Dead),
        (edit(1, corrected()), State::Dead),
        (Change::Protect, State::Dead),
        (Change::Unprotect, State::Dead),
    ]
}

/// An entry in this state.
async fn one(fixture: &Fixture<'_>, state: State) -> Result<EntryId, Fault> {
    let id = fixture.put(entry()).await?;
    match state {
        State::Ready => {}
        State::Leased => drop(fixture.claim_one().await?),
        State::Done => drop(fixture.end(End::Done).await?),
        State::Dead => drop(fixture.end(End::Dead(Reason::Rejected)).await?),
        State::Cancelled => drop(fixture.store().change(id, Change::Cancel).await?),
    }
    Ok(id)
}

pub(crate) async fn a_change_that_the_state_does_not_allow_is_refused(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    for state in [State::Leased, State::Done, State::Dead, State::Cancelled, State::Ready] {
        let id = one(fixture, state).await?;
        let before = fixture.detail(id).await?;
        same("the entry's state", before.entry.state, state)?;
        for (change, allowed) in every_change() {
            if allowed != state {
                let what = format!("{change:?} of one that is {state}");
                refused(&what, fixture.store().change(id, change).await, StoreErrorKind::Conflict)?;
            }
        }
        same("the entry", fixture.detail(id).await?, before)?;
    }
    Ok(())
}

pub(crate) async fn a_change_of_nothing_is_refused(fixture: &Fixture<'_>) -> ScenarioResult {
    for (change, _) in every_change() {
        let what = format!("{change:?} of what is not there");
        refused(&what, fixture.store().change(EntryId::new(), change).await, StoreErrorKind::NotFound)?;
    }
    Ok(())
}

pub(crate) async fn what_is_ready_can_be_cancelled_or_dead_lettered(fixture: &Fixture<'_>) -> ScenarioResult {
    for (change, state, reason, event, event_detail) in [
        (Change::Cancel, State::Cancelled, None, EventKind::Cancelled, None),
        (
            Change::DeadLetter,
            State::Dead,
            Some(Reason::ByHand),
            EventKind::DeadLettered,
            Some("by_hand".into()),
        ),
    ] {
        let id = one(fixture, State::Ready).await?;
        fixture.pass(seconds(1));
        let entry = fixture.store().change(id, change).await?;
        let detail = fixture.detail(id).await?;
        same("the returned and the stored entry", &entry, &detail.entry)?;
        same("the entry", (entry.state, entry.reason, entry.changed_at), (state, reason, fixture.now()))?;
        same(
            "its events",
            detail.events,
            vec![EntryEvent { at: fixture.now(), kind: event, detail: event_detail }],
        )?;
    }
    Ok(())
}

pub(crate) async fn a_replay_puts_a_dead_letter_back_as_it_was(fixture: &Fixture<'_>) -> ScenarioResult {
    let new = NewEntry {
        expires_in: seconds(100),
        delay: seconds(5),
        dedup_key: Some("a".into()),
        attempts: super::enqueueing::layer_attempts(),
        ..keyed("k")
    };
    let id = fixture.put(new).await?;
    fixture.pass(seconds(10));
    fixture.end(End::Dead(Reason::Exhausted)).await?;
    fixture.store().change(id, Change::Protect).await?;
    let mut expected = fixture.detail(id).await?;
    fixture.pass(seconds(500));
    let entry = fixture.store().change(id, Change::Replay(WhenOvertaken::Refuse)).await?;
    let now = fixture.now();
    (expected.entry.state, expected.entry.tries) = (State::Ready, 0);
    (expected.entry.due_at, expected.entry.changed_at) = (now, now);
    expected.entry.expires_at = now + seconds(100);
    expected.events.push(EntryEvent { at: now, kind: EventKind::Replayed, detail: None });
    same("the returned entry", &entry, &expected.entry)?;
    same("the entry", fixture.detail(id).await?, expected)?;
    let claimed = fixture.claim_one().await?;
    same("its next claim", (claimed.entry.attempts, claimed.entry.tries), (4, 1))
}

pub(crate) async fn an_edit_makes_a_revision_beside_the_old_ones(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put_dead(entry()).await?;
    let mut expected = fixture.detail(id).await?;
    for number in 2..=3 {
        fixture.pass(seconds(1));
        let request = StoredRequest { body: format!("revision {number}").into(), ..corrected() };
        let edited = fixture.store().change(id, edit(number - 1, request.clone())).await?;
        let at = fixture.now();
        (expected.entry.method, expected.entry.uri) = (request.method.clone(), request.uri.clone());
        expected.entry.revision = number;
        expected.revisions.push(Revision { number, at, request });
        let event = EntryEvent { at, kind: EventKind::Edited, detail: Some(number.to_string().into()) };
        expected.events.push(event);
        same("the returned entry", &edited, &expected.entry)?;
        same("the entry", fixture.detail(id).await?, expected.clone())?;
    }
    fixture.store().change(id, Change::Replay(WhenOvertaken::Refuse)).await?;
    let claimed = fixture.claim_one().await?;
    same("the request that is sent", claimed.request.body, &b"revision 3"[..])?;
    same("its revision", claimed.entry.revision, 3)?;
    fixture.pass(LEASE);
    fixture.turn(turn(0)).await?;
    let attempts = fixture.detail(id).await?.attempts;
    same("the revision of a lost attempt", attempts.last().map(|attempt| attempt.revision), Some(3))
}

pub(crate) async fn an_edit_of_what_was_edited_meanwhile_is_refused(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put_dead(entry()).await?;
    let mine = || StoredRequest { body: "mine".into(), ..corrected() };
    let unsound = || StoredRequest { uri: Uri::from_static("/relative"), ..mine() };
    fixture.store().change(id, edit(1, corrected())).await?;
    let before = fixture.detail(id).await?;
    for (on, request) in [(1, mine()), (1, unsound()), (0, mine()), (3, mine()), (u32::MAX, mine())] {
        let what = format!("an edit on revision {on} of one that has 2");
        refused(&what, fixture.store().change(id, edit(on, request)).await, StoreErrorKind::Conflict)?;
    }
    same("the entry", fixture.detail(id).await?, before)?;
    let edited = fixture.store().change(id, edit(2, mine())).await?;
    same("the revision of an edit on the last", edited.revision, 3)
}

pub(crate) async fn an_edit_that_cannot_be_stored_changes_nothing(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put_dead(entry()).await?;
    let before = fixture.detail(id).await?;
    for uri in ["/relative", "https://user:secret@api.example/", "javascript://api.example/"] {
        let request = StoredRequest { uri: Uri::from_static(uri), ..request() };
        let edited = fixture.store().change(id, edit(1, request)).await;
        refused("such a request", edited, StoreErrorKind::Invalid)?;
    }
    same("the entry", fixture.detail(id).await?, before)
}

pub(crate) async fn protection_is_on_or_off(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put_dead(entry()).await?;
    let since = fixture.entry(id).await?.changed_at;
    fixture.pass(seconds(1));
    let mut events = fixture.detail(id).await?.events;
    for (change, kept, event) in [
        (Change::Unprotect, false, None),
        (Change::Protect, true, Some(EventKind::Protected)),
        (Change::Protect, true, None),
        (Change::Unprotect, false, Some(EventKind::Unprotected)),
    ] {
        let what = format!("after {change:?}");
        let entry = fixture.store().change(id, change).await?;
        events.extend(event.map(|kind| EntryEvent { at: fixture.now(), kind, detail: None }));
        same(&what, (entry.protected, entry.state, entry.changed_at), (kept, State::Dead, since))?;
        same("its events", fixture.detail(id).await?.events, events.clone())?;
    }
    Ok(())
}
