use http::StatusCode;

use super::super::{
    check::{only, same},
    fixture::{Fixture, LEASE, entry, keyed, seconds, settlement, turn, worker},
    violation::ScenarioResult,
};
use martello_outbox::{
    AttemptRecord, Change, EntryEvent, EntryId, EventKind, NewEntry, Outcome, Reason, State, WhenOvertaken,
    store::{End, HoldChange, Lease, Settled, Settlement, Turn},
};

pub(crate) async fn a_settlement_ends_an_entry_and_writes_its_attempt_down(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let id = fixture.put(NewEntry { attempts: super::enqueueing::layer_attempts(), ..entry() }).await?;
    let claimed = fixture.claim_one().await?;
    let attempt = AttemptRecord {
        number: 3,
        revision: 1,
        started: fixture.now(),
        duration: std::time::Duration::from_micros(1_234_567),
        outcome: Outcome::Success,
        status: StatusCode::from_u16(201).ok(),
        tracking_id: "0f3c7e1a-77aa".parse().ok(),
        fault: Some("a \"fault\" é \u{1F9F1}; with '' and %".into()),
        worker: Some("w 1".into()),
    };
    fixture.pass(seconds(2));
    let settle = vec![Settlement {
        lease: claimed.lease,
        end: End::Done,
        attempt: Some(attempt.clone()),
        hold: HoldChange::Keep,
    }];
    same("the answer", fixture.turn(Turn { settle, ..turn(0) }).await?.settled, vec![Settled::Applied])?;
    let detail = fixture.detail(id).await?;
    let entry = detail.entry;
    same("the entry", (entry.state, entry.changed_at), (State::Done, fixture.now()))?;
    same("attempts and tries", (entry.attempts, entry.tries), (3, 1))?;
    same(
        "its last outcome and status",
        (entry.last_outcome, entry.last_status),
        (Some(attempt.outcome), attempt.status),
    )?;
    same("its last tracking id", entry.last_tracking_id, attempt.tracking_id)?;
    let mut expected = super::enqueueing::layer_attempts();
    expected.push(attempt);
    same("its attempts", detail.attempts, expected)?;
    same("its events", detail.events, Vec::new())
}

pub(crate) async fn a_dead_letter_has_the_reason_of_its_settlement(fixture: &Fixture<'_>) -> ScenarioResult {
    for reason in Reason::ALL {
        fixture.put(entry()).await?;
        let detail = fixture.detail(fixture.end(End::Dead(*reason)).await?).await?;
        let found = (detail.entry.state, detail.entry.reason, detail.entry.changed_at);
        same("the entry", found, (State::Dead, Some(*reason), fixture.now()))?;
        same("its attempts", detail.attempts.len(), 1)?;
        let event = EntryEvent {
            at: fixture.now(),
            kind: EventKind::DeadLettered,
            detail: Some(reason.as_str().into()),
        };
        same("its events", detail.events, vec![event])?;
    }
    Ok(())
}

pub(crate) async fn what_is_tried_again_waits_as_long_as_it_should(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put(entry()).await?;
    fixture.pass(seconds(1));
    fixture.end(End::Again { wait: seconds(30), counts: true }).await?;
    let found = fixture.entry(id).await?;
    same("the entry", (found.state, found.changed_at), (State::Ready, fixture.now()))?;
    same("when it is due", found.due_at, fixture.now() + seconds(30))?;
    same("attempts and tries", (found.attempts, found.tries), (1, 1))?;
    same("what can be claimed", fixture.claimable().await?, Vec::new())?;
    fixture.pass(seconds(30));
    same("what can be claimed at its time", fixture.claimable().await?, vec![id])
}

pub(crate) async fn a_try_that_does_not_count_leaves_the_tries_as_they_were(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let id = fixture.put(entry()).await?;
    let uncounted = End::Again { wait: seconds(0), counts: false };
    for (end, counts) in
        [(uncounted, (1, 0)), (End::Again { wait: seconds(0), counts: true }, (2, 1)), (uncounted, (3, 1))]
    {
        fixture.end(end).await?;
        let found = fixture.entry(id).await?;
        same("attempts and tries", (found.attempts, found.tries), counts)?;
    }
    same("the attempts that are kept", fixture.detail(id).await?.attempts.len(), 3)
}

pub(crate) async fn what_is_given_back_was_no_attempt(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture
        .put(NewEntry { delay: seconds(5), attempts: super::enqueueing::layer_attempts(), ..entry() })
        .await?;
    fixture.pass(seconds(7));
    let before = fixture.detail(id).await?;
    fixture.end(End::GiveBack).await?;
    let mut expected = before.clone();
    expected.entry.changed_at = fixture.now();
    same("the entry", fixture.detail(id).await?, expected)?;
    same("the number of the next attempt", fixture.claim_one().await?.entry.attempts, 3)
}

pub(crate) async fn attempt_numbers_never_start_again(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture
        .put(NewEntry { attempts: super::enqueueing::layer_attempts(), max_attempts: 2, ..entry() })
        .await?;
    fixture.end(End::Again { wait: seconds(0), counts: true }).await?;
    fixture.end(End::GiveBack).await?;
    fixture.claim_one().await?;
    fixture.pass(LEASE);
    fixture.turn(turn(0)).await?;
    fixture.store().change(id, Change::Replay(WhenOvertaken::Refuse)).await?;
    let found = fixture.entry(id).await?;
    same("attempts and tries after a replay", (found.attempts, found.tries), (4, 0))?;
    fixture.end(End::Done).await?;
    let numbers: Vec<_> = fixture.detail(id).await?.attempts.iter().map(|attempt| attempt.number).collect();
    same("the numbers of the attempts", numbers, vec![1, 2, 3, 4, 5])
}

pub(crate) async fn a_settlement_may_be_sent_again(fixture: &Fixture<'_>) -> ScenarioResult {
    let ends = [
        End::Done,
        End::Dead(Reason::Rejected),
        End::Again { wait: seconds(3600), counts: false },
        End::GiveBack,
    ];
    for end in ends {
        let id = fixture.put(entry()).await?;
        let claimed = fixture.claim_one().await?;
        same("the first answer", fixture.settle(&claimed, end).await?, Settled::Applied)?;
        let before = fixture.detail(id).await?;
        fixture.pass(seconds(1));
        same("the second answer", fixture.settle(&claimed, end).await?, Settled::Applied)?;
        same("the entry", fixture.detail(id).await?, before)?;
        if end == End::GiveBack {
            fixture.store().change(id, Change::Cancel).await?;
            same("the third answer", fixture.settle(&claimed, end).await?, Settled::Applied)?;
            same("one that was cancelled since", fixture.state(id).await?, State::Cancelled)?;
        }
    }
    Ok(())
}

pub(crate) async fn a_settlement_that_is_sent_again_late_touches_no_later_claim(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let id = fixture.put(entry()).await?;
    let first = fixture.claim_one().await?;
    let again = End::Again { wait: seconds(0), counts: true };
    fixture.settle(&first, again).await?;
    let second = fixture.claim_one().await?;
    let before = fixture.detail(id).await?;
    same("the answer", fixture.settle(&first, again).await?, Settled::Applied)?;
    same("the entry", fixture.detail(id).await?, before)?;
    same("the later claim's answer", fixture.settle(&second, End::Done).await?, Settled::Applied)?;
    let before = fixture.detail(id).await?;
    fixture.settle(&first, again).await?;
    same("the entry, when it is done", fixture.detail(id).await?, before)
}

pub(crate) async fn settlements_are_answered_in_their_order(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put_some(3).await?;
    let lost = fixture.claim(1).await?;
    fixture.pass(LEASE);
    let claimed = fixture.claim(3).await?;
    let [first, second, third] = claimed.as_slice() else { return same("the claims", claimed.len(), 3) };
    let done = |claimed| settlement(claimed, End::Done, fixture.now());
    let strange = Settlement {
        lease: Lease { id: EntryId::new(), fence: "strange".into(), worker: worker("w") },
        end: End::GiveBack,
        attempt: None,
        hold: HoldChange::Keep,
    };
    let mut settle = vec![done(third), strange];
    settle.extend(lost.iter().map(done));
    settle.extend([done(first), done(third), done(second)]);
    let answers = fixture.turn(Turn { settle, ..turn(0) }).await?.settled;
    let expected = [true, false, false, true, true, true];
    same(
        "the answers",
        answers,
        expected.map(|applied| if applied { Settled::Applied } else { Settled::Fenced }).to_vec(),
    )?;
    for claimed in &claimed {
        same("its attempts", fixture.detail(claimed.entry.id).await?.entry.state, State::Done)?;
    }
    same(
        "what was written down twice",
        fixture.detail(third.entry.id).await?.attempts.len(),
        if lost.first().map(|lost| lost.entry.id) == Some(third.entry.id) { 2 } else { 1 },
    )
}

pub(crate) async fn a_turn_settles_before_it_claims(fixture: &Fixture<'_>) -> ScenarioResult {
    let [older, newer] = [fixture.put(keyed("k")).await?, fixture.put(keyed("k")).await?];
    let one = |settle| Turn { settle, cap: 1, ..turn(1) };
    let first = only("the first claims", fixture.turn(one(Vec::new())).await?.claimed)?;
    same("the first", first.entry.id, older)?;
    let settle = vec![settlement(&first, End::Done, fixture.now())];
    let turned = fixture.turn(one(settle)).await?;
    same("the answers", turned.settled, vec![Settled::Applied])?;
    same("the next", only("the next claims", turned.claimed)?.entry.id, newer)
}

pub(crate) async fn a_turn_settles_before_it_takes_lost_leases(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put(NewEntry { repeatable: false, ..entry() }).await?;
    let claimed = fixture.claim_one().await?;
    fixture.pass(LEASE);
    let settle = vec![settlement(&claimed, End::Done, fixture.now())];
    let turned = fixture.turn(Turn { settle, ..turn(5) }).await?;
    same(
        "the answers and the losses",
        (turned.settled, turned.reclaimed_leases),
        (vec![Settled::Applied], 0),
    )?;
    same("the entry", fixture.state(id).await?, State::Done)
}
