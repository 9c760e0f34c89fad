use http::StatusCode;

use super::super::{
    check::{only, same},
    stage::{LEASE, Stage, entry, keyed, seconds, settlement, turn, worker},
    violation::Played,
};
use martello_outbox::{
    AttemptRecord, Change, EntryEvent, EntryId, EventKind, NewEntry, Outcome, Reason, State, WhenOvertaken,
    store::{End, HoldChange, Lease, Settled, Settlement, Turn},
};

pub(in super::super) async fn a_settlement_ends_an_entry_and_writes_its_attempt_down(
    stage: &Stage<'_>,
) -> Played {
    let id = stage.put(NewEntry { attempts: super::enqueueing::at_the_door(), ..entry() }).await?;
    let claimed = stage.claim_one().await?;
    let attempt = AttemptRecord {
        number: 3,
        revision: 1,
        started: stage.now(),
        duration: std::time::Duration::from_micros(1_234_567),
        outcome: Outcome::Success,
        status: StatusCode::from_u16(201).ok(),
        tracking_id: "0f3c7e1a-77aa".parse().ok(),
        fault: Some("a \"fault\" é \u{1F9F1}; with '' and %".into()),
        worker: Some("w 1".into()),
    };
    stage.pass(seconds(2));
    let settle = vec![Settlement {
        lease: claimed.lease,
        end: End::Done,
        attempt: Some(attempt.clone()),
        hold: HoldChange::Keep,
    }];
    same("the answer", stage.turn(Turn { settle, ..turn(0) }).await?.settled, vec![Settled::Applied])?;
    let detail = stage.detail(id).await?;
    let entry = detail.entry;
    same("the entry", (entry.state, entry.changed_at), (State::Done, stage.now()))?;
    same("attempts and tries", (entry.attempts, entry.tries), (3, 1))?;
    same(
        "its last outcome and status",
        (entry.last_outcome, entry.last_status),
        (Some(attempt.outcome), attempt.status),
    )?;
    same("its last tracking id", entry.last_tracking_id, attempt.tracking_id)?;
    let mut expected = super::enqueueing::at_the_door();
    expected.push(attempt);
    same("its attempts", detail.attempts, expected)?;
    same("its events", detail.events, Vec::new())
}

pub(in super::super) async fn an_entry_dies_for_the_reason_it_is_given(stage: &Stage<'_>) -> Played {
    for reason in Reason::ALL {
        stage.put(entry()).await?;
        let detail = stage.detail(stage.end(End::Dead(*reason)).await?).await?;
        let found = (detail.entry.state, detail.entry.reason, detail.entry.changed_at);
        same("the entry", found, (State::Dead, Some(*reason), stage.now()))?;
        same("its attempts", detail.attempts.len(), 1)?;
        let event = EntryEvent {
            at: stage.now(),
            kind: EventKind::DeadLettered,
            detail: Some(reason.as_str().into()),
        };
        same("its events", detail.events, vec![event])?;
    }
    Ok(())
}

pub(in super::super) async fn what_is_tried_again_waits_as_long_as_it_should(stage: &Stage<'_>) -> Played {
    let id = stage.put(entry()).await?;
    stage.pass(seconds(1));
    stage.end(End::Again { after: seconds(30), counts: true }).await?;
    let found = stage.entry(id).await?;
    same("the entry", (found.state, found.changed_at), (State::Ready, stage.now()))?;
    same("when it is due", found.due_at, stage.now() + seconds(30))?;
    same("attempts and tries", (found.attempts, found.tries), (1, 1))?;
    same("what can be claimed", stage.claimable().await?, Vec::new())?;
    stage.pass(seconds(30));
    same("what can be claimed at its time", stage.claimable().await?, vec![id])
}

pub(in super::super) async fn a_try_that_does_not_count_leaves_the_tries_as_they_were(
    stage: &Stage<'_>,
) -> Played {
    let id = stage.put(entry()).await?;
    let uncounted = End::Again { after: seconds(0), counts: false };
    for (end, counts) in
        [(uncounted, (1, 0)), (End::Again { after: seconds(0), counts: true }, (2, 1)), (uncounted, (3, 1))]
    {
        stage.end(end).await?;
        let found = stage.entry(id).await?;
        same("attempts and tries", (found.attempts, found.tries), counts)?;
    }
    same("the attempts that are kept", stage.detail(id).await?.attempts.len(), 3)
}

pub(in super::super) async fn what_is_given_back_was_no_attempt(stage: &Stage<'_>) -> Played {
    let id = stage
        .put(NewEntry { delay: seconds(5), attempts: super::enqueueing::at_the_door(), ..entry() })
        .await?;
    stage.pass(seconds(7));
    let before = stage.detail(id).await?;
    stage.end(End::GiveBack).await?;
    let mut expected = before.clone();
    expected.entry.changed_at = stage.now();
    same("the entry", stage.detail(id).await?, expected)?;
    same("the number of the next attempt", stage.claim_one().await?.entry.attempts, 3)
}

pub(in super::super) async fn attempt_numbers_never_start_again(stage: &Stage<'_>) -> Played {
    let id = stage
        .put(NewEntry { attempts: super::enqueueing::at_the_door(), max_attempts: 2, ..entry() })
        .await?;
    stage.end(End::Again { after: seconds(0), counts: true }).await?;
    stage.end(End::GiveBack).await?;
    stage.claim_one().await?;
    stage.pass(LEASE);
    stage.turn(turn(0)).await?;
    stage.store().change(id, Change::Replay(WhenOvertaken::Refuse)).await?;
    let found = stage.entry(id).await?;
    same("attempts and tries after a replay", (found.attempts, found.tries), (4, 0))?;
    stage.end(End::Done).await?;
    let numbers: Vec<_> = stage.detail(id).await?.attempts.iter().map(|attempt| attempt.number).collect();
    same("the numbers of the attempts", numbers, vec![1, 2, 3, 4, 5])
}

pub(in super::super) async fn a_settlement_may_be_sent_again(stage: &Stage<'_>) -> Played {
    let ends = [
        End::Done,
        End::Dead(Reason::Rejected),
        End::Again { after: seconds(3600), counts: false },
        End::GiveBack,
    ];
    for end in ends {
        let id = stage.put(entry()).await?;
        let claimed = stage.claim_one().await?;
        same("the first answer", stage.settle(&claimed, end).await?, Settled::Applied)?;
        let before = stage.detail(id).await?;
        stage.pass(seconds(1));
        same("the second answer", stage.settle(&claimed, end).await?, Settled::Applied)?;
        same("the entry", stage.detail(id).await?, before)?;
        if end == End::GiveBack {
            stage.store().change(id, Change::Cancel).await?;
            same("the third answer", stage.settle(&claimed, end).await?, Settled::Applied)?;
            same("one that was cancelled since", stage.state(id).await?, State::Cancelled)?;
        }
    }
    Ok(())
}

pub(in super::super) async fn a_settlement_that_is_sent_again_late_touches_no_later_claim(
    stage: &Stage<'_>,
) -> Played {
    let id = stage.put(entry()).await?;
    let first = stage.claim_one().await?;
    let again = End::Again { after: seconds(0), counts: true };
    stage.settle(&first, again).await?;
    let second = stage.claim_one().await?;
    let before = stage.detail(id).await?;
    same("the answer", stage.settle(&first, again).await?, Settled::Applied)?;
    same("the entry", stage.detail(id).await?, before)?;
    same("the later claim's answer", stage.settle(&second, End::Done).await?, Settled::Applied)?;
    let before = stage.detail(id).await?;
    stage.settle(&first, again).await?;
    same("the entry, when it is done", stage.detail(id).await?, before)
}

pub(in super::super) async fn settlements_are_answered_in_their_order(stage: &Stage<'_>) -> Played {
    stage.put_some(3).await?;
    let lost = stage.claim(1).await?;
    stage.pass(LEASE);
    let claimed = stage.claim(3).await?;
    let [first, second, third] = claimed.as_slice() else { return same("the claims", claimed.len(), 3) };
    let done = |claimed| settlement(claimed, End::Done, stage.now());
    let strange = Settlement {
        lease: Lease { id: EntryId::new(), fence: "strange".into(), worker: worker("w") },
        end: End::GiveBack,
        attempt: None,
        hold: HoldChange::Keep,
    };
    let mut settle = vec![done(third), strange];
    settle.extend(lost.iter().map(done));
    settle.extend([done(first), done(third), done(second)]);
    let answers = stage.turn(Turn { settle, ..turn(0) }).await?.settled;
    let expected = [true, false, false, true, true, true];
    same(
        "the answers",
        answers,
        expected.map(|applied| if applied { Settled::Applied } else { Settled::Fenced }).to_vec(),
    )?;
    for claimed in &claimed {
        same("its attempts", stage.detail(claimed.entry.id).await?.entry.state, State::Done)?;
    }
    same(
        "what was written down twice",
        stage.detail(third.entry.id).await?.attempts.len(),
        if lost.first().map(|lost| lost.entry.id) == Some(third.entry.id) { 2 } else { 1 },
    )
}

pub(in super::super) async fn a_turn_settles_before_it_claims(stage: &Stage<'_>) -> Played {
    let [older, newer] = [stage.put(keyed("k")).await?, stage.put(keyed("k")).await?];
    let one = |settle| Turn { settle, cap: 1, ..turn(1) };
    let first = only("the first claims", stage.turn(one(Vec::new())).await?.claimed)?;
    same("the first", first.entry.id, older)?;
    let settle = vec![settlement(&first, End::Done, stage.now())];
    let turned = stage.turn(one(settle)).await?;
    same("the answers", turned.settled, vec![Settled::Applied])?;
    same("the next", only("the next claims", turned.claimed)?.entry.id, newer)
}

pub(in super::super) async fn a_turn_settles_before_it_takes_lost_leases(stage: &Stage<'_>) -> Played {
    let id = stage.put(NewEntry { repeatable: false, ..entry() }).await?;
    let claimed = stage.claim_one().await?;
    stage.pass(LEASE);
    let settle = vec![settlement(&claimed, End::Done, stage.now())];
    let turned = stage.turn(Turn { settle, ..turn(5) }).await?;
    same(
        "the answers and the losses",
        (turned.settled, turned.reclaimed_leases),
        (vec![Settled::Applied], 0),
    )?;
    same("the entry", stage.state(id).await?, State::Done)
}
