use http::{Method, Uri};

use super::super::{
    check::{refused, same},
    stage::{LEASE, Stage, entry, keyed, request, seconds, turn},
    violation::{Fault, Played},
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
async fn one(stage: &Stage<'_>, state: State) -> Result<EntryId, Fault> {
    let id = stage.put(entry()).await?;
    match state {
        State::Ready => {}
        State::Leased => drop(stage.claim_one().await?),
        State::Done => drop(stage.end(End::Done).await?),
        State::Dead => drop(stage.end(End::Dead(Reason::Rejected)).await?),
        State::Cancelled => drop(stage.store().change(id, Change::Cancel).await?),
    }
    Ok(id)
}

pub(in super::super) async fn a_change_that_the_state_does_not_allow_is_refused(stage: &Stage<'_>) -> Played {
    for state in [State::Leased, State::Done, State::Dead, State::Cancelled, State::Ready] {
        let id = one(stage, state).await?;
        let before = stage.detail(id).await?;
        same("the entry's state", before.entry.state, state)?;
        for (change, allowed) in every_change() {
            if allowed != state {
                let what = format!("{change:?} of one that is {state}");
                refused(&what, stage.store().change(id, change).await, StoreErrorKind::Conflict)?;
            }
        }
        same("the entry", stage.detail(id).await?, before)?;
    }
    Ok(())
}

pub(in super::super) async fn a_change_of_nothing_is_refused(stage: &Stage<'_>) -> Played {
    for (change, _) in every_change() {
        let what = format!("{change:?} of what is not there");
        refused(&what, stage.store().change(EntryId::new(), change).await, StoreErrorKind::NotFound)?;
    }
    Ok(())
}

pub(in super::super) async fn what_is_ready_can_be_cancelled_or_buried(stage: &Stage<'_>) -> Played {
    for (change, state, reason, event, told) in [
        (Change::Cancel, State::Cancelled, None, EventKind::Cancelled, None),
        (
            Change::DeadLetter,
            State::Dead,
            Some(Reason::ByHand),
            EventKind::DeadLettered,
            Some("by_hand".into()),
        ),
    ] {
        let id = one(stage, State::Ready).await?;
        stage.pass(seconds(1));
        let entry = stage.store().change(id, change).await?;
        let detail = stage.detail(id).await?;
        same("the entry, as it was told and as it is kept", &entry, &detail.entry)?;
        same("the entry", (entry.state, entry.reason, entry.changed_at), (state, reason, stage.now()))?;
        same("its events", detail.events, vec![EntryEvent { at: stage.now(), kind: event, detail: told }])?;
    }
    Ok(())
}

pub(in super::super) async fn a_replay_puts_a_dead_letter_back_as_it_was(stage: &Stage<'_>) -> Played {
    let new = NewEntry {
        expires_in: seconds(100),
        delay: seconds(5),
        dedup_key: Some("a".into()),
        attempts: super::enqueueing::at_the_door(),
        ..keyed("k")
    };
    let id = stage.put(new).await?;
    stage.pass(seconds(10));
    stage.end(End::Dead(Reason::Exhausted)).await?;
    stage.store().change(id, Change::Protect).await?;
    let mut expected = stage.detail(id).await?;
    stage.pass(seconds(500));
    let entry = stage.store().change(id, Change::Replay(WhenOvertaken::Refuse)).await?;
    let now = stage.now();
    (expected.entry.state, expected.entry.tries) = (State::Ready, 0);
    (expected.entry.due_at, expected.entry.changed_at) = (now, now);
    expected.entry.expires_at = now + seconds(100);
    expected.events.push(EntryEvent { at: now, kind: EventKind::Replayed, detail: None });
    same("the entry, as it was told", &entry, &expected.entry)?;
    same("the entry", stage.detail(id).await?, expected)?;
    let claimed = stage.claim_one().await?;
    same("its next claim", (claimed.entry.attempts, claimed.entry.tries), (4, 1))
}

pub(in super::super) async fn an_edit_makes_a_revision_beside_the_old_ones(stage: &Stage<'_>) -> Played {
    let id = stage.put_dead(entry()).await?;
    let mut expected = stage.detail(id).await?;
    for number in 2..=3 {
        stage.pass(seconds(1));
        let request = StoredRequest { body: format!("revision {number}").into(), ..corrected() };
        let edited = stage.store().change(id, edit(number - 1, request.clone())).await?;
        let at = stage.now();
        (expected.entry.method, expected.entry.uri) = (request.method.clone(), request.uri.clone());
        expected.entry.revision = number;
        expected.revisions.push(Revision { number, at, request });
        let event = EntryEvent { at, kind: EventKind::Edited, detail: Some(number.to_string().into()) };
        expected.events.push(event);
        same("the entry, as it was told", &edited, &expected.entry)?;
        same("the entry", stage.detail(id).await?, expected.clone())?;
    }
    stage.store().change(id, Change::Replay(WhenOvertaken::Refuse)).await?;
    let claimed = stage.claim_one().await?;
    same("the request that is sent", claimed.request.body, &b"revision 3"[..])?;
    same("its revision", claimed.entry.revision, 3)?;
    stage.pass(LEASE);
    stage.turn(turn(0)).await?;
    let attempts = stage.detail(id).await?.attempts;
    same("the revision of a lost attempt", attempts.last().map(|attempt| attempt.revision), Some(3))
}

pub(in super::super) async fn an_edit_of_what_was_edited_meanwhile_is_refused(stage: &Stage<'_>) -> Played {
    let id = stage.put_dead(entry()).await?;
    let mine = || StoredRequest { body: "mine".into(), ..corrected() };
    let unsound = || StoredRequest { uri: Uri::from_static("/relative"), ..mine() };
    stage.store().change(id, edit(1, corrected())).await?;
    let before = stage.detail(id).await?;
    for (on, request) in [(1, mine()), (1, unsound()), (0, mine()), (3, mine()), (u32::MAX, mine())] {
        let what = format!("an edit on revision {on} of one that has 2");
        refused(&what, stage.store().change(id, edit(on, request)).await, StoreErrorKind::Conflict)?;
    }
    same("the entry", stage.detail(id).await?, before)?;
    let edited = stage.store().change(id, edit(2, mine())).await?;
    same("the revision of an edit on the last", edited.revision, 3)
}

pub(in super::super) async fn an_edit_that_cannot_be_stored_changes_nothing(stage: &Stage<'_>) -> Played {
    let id = stage.put_dead(entry()).await?;
    let before = stage.detail(id).await?;
    for uri in ["/relative", "https://user:secret@api.example/", "javascript://api.example/"] {
        let request = StoredRequest { uri: Uri::from_static(uri), ..request() };
        let edited = stage.store().change(id, edit(1, request)).await;
        refused("such a request", edited, StoreErrorKind::Invalid)?;
    }
    same("the entry", stage.detail(id).await?, before)
}

pub(in super::super) async fn keeping_is_on_or_off(stage: &Stage<'_>) -> Played {
    let id = stage.put_dead(entry()).await?;
    let since = stage.entry(id).await?.changed_at;
    stage.pass(seconds(1));
    let mut events = stage.detail(id).await?.events;
    for (change, kept, event) in [
        (Change::Unprotect, false, None),
        (Change::Protect, true, Some(EventKind::Protected)),
        (Change::Protect, true, None),
        (Change::Unprotect, false, Some(EventKind::Unprotected)),
    ] {
        let what = format!("after {change:?}");
        let entry = stage.store().change(id, change).await?;
        events.extend(event.map(|kind| EntryEvent { at: stage.now(), kind, detail: None }));
        same(&what, (entry.protected, entry.state, entry.changed_at), (kept, State::Dead, since))?;
        same("its events", stage.detail(id).await?.events, events.clone())?;
    }
    Ok(())
}
