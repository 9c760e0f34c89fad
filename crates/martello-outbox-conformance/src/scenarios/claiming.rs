use super::super::{
    check::{only, refused, same},
    stage::{LEASE, MOMENT, Stage, entry, ids, keyed, queue, request, seconds, turn, worker},
    violation::Played,
};
use martello_outbox::{
    Change, NewEntry, State, StoreErrorKind,
    store::{End, Settled, Turn},
};

pub(in super::super) async fn a_claim_counts_the_attempt(stage: &Stage<'_>) -> Played {
    let door = super::enqueueing::at_the_door();
    let id = stage.put(NewEntry { attempts: door, delay: seconds(1), ..keyed("k") }).await?;
    let mut expected = stage.entry(id).await?;
    stage.pass(seconds(3));
    let turned = stage.turn(Turn { worker: worker("w é 2"), ..turn(1) }).await?;
    let claimed = only("the claims", turned.claimed)?;
    (expected.state, expected.changed_at) = (State::Leased, stage.now());
    (expected.attempts, expected.tries) = (3, 1);
    same("the entry, as it was handed out", &claimed.entry, &expected)?;
    same("the entry, as it is kept", stage.entry(id).await?, expected)?;
    same("the lease's entry", claimed.lease.id, id)?;
    same("the lease's worker", claimed.lease.worker.as_str(), "w é 2")?;
    same("the lease's end", claimed.until, stage.now() + LEASE)?;
    same("the request", claimed.request, request())?;
    same("attempts that ended", stage.detail(id).await?.attempts.len(), 2)
}

pub(in super::super) async fn those_due_first_are_claimed_first_and_then_the_oldest(
    stage: &Stage<'_>,
) -> Played {
    let late = |delay| NewEntry { delay: seconds(delay), ..entry() };
    let mut stored = Vec::new();
    for delay in [3, 1, 2, 1, 0] {
        stored.push(stage.put(late(delay)).await?);
    }
    stage.pass(seconds(3));
    stored.push(stage.put(late(0)).await?);
    let mut claimed = Vec::new();
    for _ in 0..6 {
        let one = only("the claims", stage.turn(Turn { cap: 10, ..turn(1) }).await?.claimed)?;
        claimed.push(stored.iter().position(|id| *id == one.entry.id));
    }
    same("the order of the claims", claimed, [4, 1, 3, 2, 0, 5].map(Some).to_vec())
}

pub(in super::super) async fn an_entry_waits_for_its_time(stage: &Stage<'_>) -> Played {
    let id = stage.put(NewEntry { delay: seconds(10), ..entry() }).await?;
    stage.pass(seconds(10) - MOMENT);
    same("claims a microsecond before", ids(&stage.claim(1).await?), Vec::new())?;
    stage.pass(MOMENT);
    same("claims at its time", ids(&stage.claim(1).await?), vec![id])
}

pub(in super::super) async fn no_more_is_claimed_than_asked_for(stage: &Stage<'_>) -> Played {
    stage.put_some(4).await?;
    for (asked, expected) in [(0, 0), (1, 1), (2, 2), (5, 1)] {
        same("the number of claims", stage.claim(asked).await?.len(), expected)?;
    }
    Ok(())
}

pub(in super::super) async fn claims_are_of_the_queue_that_is_asked_for(stage: &Stage<'_>) -> Played {
    let here = stage.put(entry()).await?;
    let there = stage.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    let turned = stage.turn(Turn { queue: queue("other"), ..turn(5) }).await?;
    same("the other queue's", ids(&turned.claimed), vec![there])?;
    same("the default queue's", ids(&stage.claim(5).await?), vec![here])?;
    let turned = stage.turn(Turn { queue: queue("never-used"), ..turn(5) }).await?;
    same("a queue's that was never used", (turned.claimed.len(), turned.next), (0, None))
}

pub(in super::super) async fn what_is_leased_is_claimed_by_no_other(stage: &Stage<'_>) -> Played {
    stage.put_some(2).await?;
    let (first, second) = (stage.claim(1).await?, stage.claim(5).await?);
    same("claims one after the other", (first.len(), second.len()), (1, 1))?;
    same("claims of the same", ids(&first).iter().filter(|id| ids(&second).contains(id)).count(), 0)?;
    same("what is left", stage.claim(5).await?.len(), 0)
}

pub(in super::super) async fn what_has_ended_is_not_claimed(stage: &Stage<'_>) -> Played {
    for end in [End::Done, End::Dead(martello_outbox::Reason::Rejected)] {
        stage.put(entry()).await?;
        stage.end(end).await?;
    }
    let [cancelled, buried] = [stage.put(entry()).await?, stage.put(entry()).await?];
    stage.store().change(cancelled, Change::Cancel).await?;
    stage.store().change(buried, Change::DeadLetter).await?;
    stage.put_dead(entry()).await?;
    stage.pass(seconds(3600));
    same("what can be claimed", stage.claimable().await?, Vec::new())
}

pub(in super::super) async fn the_cap_counts_the_leases_of_all(stage: &Stage<'_>) -> Played {
    stage.put_some(8).await?;
    stage.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    let capped = |name, cap, claim| Turn { worker: worker(name), cap, ..turn(claim) };
    let first = stage.turn(capped("a", 3, 2)).await?.claimed;
    same("claims under a free cap", first.len(), 2)?;
    same("claims up to the cap", stage.turn(capped("b", 3, 5)).await?.claimed.len(), 1)?;
    same("claims over the cap", stage.turn(capped("c", 3, 5)).await?.claimed.len(), 0)?;
    same("claims under a smaller cap", stage.turn(capped("c", 1, 5)).await?.claimed.len(), 0)?;
    same("claims under a greater cap", stage.turn(capped("c", 4, 5)).await?.claimed.len(), 1)?;
    let other = Turn { queue: queue("other"), ..capped("c", 1, 5) };
    same("claims of another queue", stage.turn(other).await?.claimed.len(), 1)?;
    for claimed in &first {
        same("a settlement", stage.settle(claimed, End::Done).await?, Settled::Applied)?;
    }
    same("claims of what came free", stage.turn(capped("c", 3, 5)).await?.claimed.len(), 1)
}

pub(in super::super) async fn a_cap_of_zero_is_refused(stage: &Stage<'_>) -> Played {
    stage.put(entry()).await?;
    let claimed = stage.claim_one().await?;
    let settle = vec![super::super::stage::settlement(&claimed, End::Done, stage.now())];
    let turned = stage.store().turn(Turn { cap: 0, settle, ..turn(1) }).await;
    refused("a cap of zero", turned, StoreErrorKind::Invalid)?;
    same("what was to be settled", stage.state(claimed.entry.id).await?, State::Leased)
}

pub(in super::super) async fn no_fence_is_handed_out_twice(stage: &Stage<'_>) -> Played {
    let id = stage.put(NewEntry { max_attempts: 100, ..entry() }).await?;
    stage.put_some(1).await?;
    let mut fences = std::collections::HashSet::new();
    for round in 0..20 {
        let claimed = stage.claim(2).await?;
        same("the number of claims", claimed.len(), 2)?;
        for claimed in claimed.iter().filter(|claimed| claimed.entry.id == id) {
            same("that the fence is new", fences.insert(claimed.lease.fence.clone()), true)?;
        }
        for claimed in claimed {
            let put_off = End::Again { after: seconds(0), counts: false };
            match round % 3 {
                0 => drop(stage.settle(&claimed, End::GiveBack).await?),
                1 => drop(stage.settle(&claimed, put_off).await?),
                _ => stage.pass(LEASE),
            }
        }
    }
    same("the number of fences", fences.len(), 20)
}

pub(in super::super) async fn expired_entries_become_dead_letters(stage: &Stage<'_>) -> Played {
    use martello_outbox::{EntryEvent, EventKind, Reason};
    let expiring = |after| NewEntry { expires_in: seconds(after), ..entry() };
    let leased = stage.put(expiring(9)).await?;
    stage.claim_one().await?;
    let waiting = stage.put(NewEntry { delay: seconds(60), ..expiring(10) }).await?;
    let paused = NewEntry { queue: queue("paused"), ..expiring(10) };
    let paused = stage.put(paused).await?;
    stage.store().pause(&queue("paused"), "to see").await?;
    stage.pass(seconds(10) - MOMENT);
    same("those that died a microsecond before", stage.turn(turn(5)).await?.dead_letters, Vec::new())?;
    stage.pass(MOMENT);
    let died = only("those that died", stage.turn(turn(0)).await?.dead_letters)?;
    same("the entry, as it was told and as it is kept", &died, &stage.entry(waiting).await?)?;
    same("the entry", (died.id, died.state, died.reason), (waiting, State::Dead, Some(Reason::Expired)))?;
    same("when it moved", died.changed_at, stage.now())?;
    let event = EntryEvent { at: stage.now(), kind: EventKind::DeadLettered, detail: Some("expired".into()) };
    same("its events", stage.detail(waiting).await?.events, vec![event])?;
    same("one that a worker has", stage.state(leased).await?, State::Leased)?;
    same("one of another queue", stage.state(paused).await?, State::Ready)?;
    stage.turn(Turn { queue: queue("paused"), ..turn(1) }).await?;
    same("one of a paused queue, after its turn", stage.state(paused).await?, State::Dead)
}

pub(in super::super) async fn a_turn_moves_a_hundred_expired_entries(stage: &Stage<'_>) -> Played {
    let expiring = |after| NewEntry { expires_in: seconds(after), ..entry() };
    let last = stage.put(expiring(20)).await?;
    stage.store().enqueue((0..149).map(|_| expiring(10)).collect()).await?;
    let ready = stage.put(entry()).await?;
    stage.pass(seconds(20));
    let turned = stage.turn(turn(5)).await?;
    same("what was claimed beside them", ids(&turned.claimed), vec![ready])?;
    same("those that died at first", turned.dead_letters.len(), 100)?;
    same("what was to be done next", turned.next, Some(seconds(0)))?;
    same("the one that expired last", stage.state(last).await?, State::Ready)?;
    let turned = stage.turn(turn(0)).await?;
    same("those that died then", turned.dead_letters.len(), 50)?;
    same("one that has time", stage.state(ready).await?, State::Leased)
}
