use super::super::{
    check::{only, refused, same},
    fixture::{Fixture, LEASE, MOMENT, entry, ids, keyed, queue, request, seconds, turn, worker},
    violation::ScenarioResult,
};
use martello_outbox::{
    Change, NewEntry, State, StoreErrorKind,
    store::{End, Settled, Turn},
};

pub(crate) async fn a_claim_counts_the_attempt(fixture: &Fixture<'_>) -> ScenarioResult {
    let earlier = super::enqueueing::layer_attempts();
    let id = fixture.put(NewEntry { attempts: earlier, delay: seconds(1), ..keyed("k") }).await?;
    let mut expected = fixture.entry(id).await?;
    fixture.pass(seconds(3));
    let turned = fixture.turn(Turn { worker: worker("w é 2"), ..turn(1) }).await?;
    let claimed = only("the claims", turned.claimed)?;
    (expected.state, expected.changed_at) = (State::Leased, fixture.now());
    (expected.attempts, expected.tries) = (3, 1);
    same("the entry, as it was handed out", &claimed.entry, &expected)?;
    same("the entry, as it is kept", fixture.entry(id).await?, expected)?;
    same("the lease's entry", claimed.lease.id, id)?;
    same("the lease's worker", claimed.lease.worker.as_str(), "w é 2")?;
    same("the lease's end", claimed.until, fixture.now() + LEASE)?;
    same("the request", claimed.request, request())?;
    same("attempts that ended", fixture.detail(id).await?.attempts.len(), 2)
}

pub(crate) async fn those_due_first_are_claimed_first_and_then_the_oldest(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let late = |delay| NewEntry { delay: seconds(delay), ..entry() };
    let mut stored = Vec::new();
    for delay in [3, 1, 2, 1, 0] {
        stored.push(fixture.put(late(delay)).await?);
    }
    fixture.pass(seconds(3));
    stored.push(fixture.put(late(0)).await?);
    let mut claimed = Vec::new();
    for _ in 0..6 {
        let one = only("the claims", fixture.turn(Turn { cap: 10, ..turn(1) }).await?.claimed)?;
        claimed.push(stored.iter().position(|id| *id == one.entry.id));
    }
    same("the order of the claims", claimed, [4, 1, 3, 2, 0, 5].map(Some).to_vec())
}

pub(crate) async fn an_entry_waits_for_its_time(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put(NewEntry { delay: seconds(10), ..entry() }).await?;
    fixture.pass(seconds(10) - MOMENT);
    same("claims a microsecond before", ids(&fixture.claim(1).await?), Vec::new())?;
    fixture.pass(MOMENT);
    same("claims at its time", ids(&fixture.claim(1).await?), vec![id])
}

pub(crate) async fn no_more_is_claimed_than_asked_for(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put_some(4).await?;
    for (asked, expected) in [(0, 0), (1, 1), (2, 2), (5, 1)] {
        same("the number of claims", fixture.claim(asked).await?.len(), expected)?;
    }
    Ok(())
}

pub(crate) async fn claims_are_of_the_queue_that_is_asked_for(fixture: &Fixture<'_>) -> ScenarioResult {
    let here = fixture.put(entry()).await?;
    let there = fixture.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    let turned = fixture.turn(Turn { queue: queue("other"), ..turn(5) }).await?;
    same("the other queue's", ids(&turned.claimed), vec![there])?;
    same("the default queue's", ids(&fixture.claim(5).await?), vec![here])?;
    let turned = fixture.turn(Turn { queue: queue("never-used"), ..turn(5) }).await?;
    same("a queue's that was never used", (turned.claimed.len(), turned.next), (0, None))
}

pub(crate) async fn a_leased_entry_is_not_claimed_again(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put_some(2).await?;
    let (first, second) = (fixture.claim(1).await?, fixture.claim(5).await?);
    same("claims one after the other", (first.len(), second.len()), (1, 1))?;
    same("claims of the same", ids(&first).iter().filter(|id| ids(&second).contains(id)).count(), 0)?;
    same("what is left", fixture.claim(5).await?.len(), 0)
}

pub(crate) async fn an_ended_entry_is_not_claimed(fixture: &Fixture<'_>) -> ScenarioResult {
    for end in [End::Done, End::Dead(martello_outbox::Reason::Rejected)] {
        fixture.put(entry()).await?;
        fixture.end(end).await?;
    }
    let [cancelled, dead_lettered] = [fixture.put(entry()).await?, fixture.put(entry()).await?];
    fixture.store().change(cancelled, Change::Cancel).await?;
    fixture.store().change(dead_lettered, Change::DeadLetter).await?;
    fixture.put_dead(entry()).await?;
    fixture.pass(seconds(3600));
    same("what can be claimed", fixture.claimable().await?, Vec::new())
}

pub(crate) async fn the_cap_counts_the_leases_of_all(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put_some(8).await?;
    fixture.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    let capped = |name, cap, claim| Turn { worker: worker(name), cap, ..turn(claim) };
    let first = fixture.turn(capped("a", 3, 2)).await?.claimed;
    same("claims under a free cap", first.len(), 2)?;
    same("claims up to the cap", fixture.turn(capped("b", 3, 5)).await?.claimed.len(), 1)?;
    same("claims over the cap", fixture.turn(capped("c", 3, 5)).await?.claimed.len(), 0)?;
    same("claims under a smaller cap", fixture.turn(capped("c", 1, 5)).await?.claimed.len(), 0)?;
    same("claims under a greater cap", fixture.turn(capped("c", 4, 5)).await?.claimed.len(), 1)?;
    let other = Turn { queue: queue("other"), ..capped("c", 1, 5) };
    same("claims of another queue", fixture.turn(other).await?.claimed.len(), 1)?;
    for claimed in &first {
        same("a settlement", fixture.settle(claimed, End::Done).await?, Settled::Applied)?;
    }
    same("claims of what came free", fixture.turn(capped("c", 3, 5)).await?.claimed.len(), 1)
}

pub(crate) async fn a_cap_of_zero_is_refused(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put(entry()).await?;
    let claimed = fixture.claim_one().await?;
    let settle = vec![super::super::fixture::settlement(&claimed, End::Done, fixture.now())];
    let turned = fixture.store().turn(Turn { cap: 0, settle, ..turn(1) }).await;
    refused("a cap of zero", turned, StoreErrorKind::Invalid)?;
    same("what was to be settled", fixture.state(claimed.entry.id).await?, State::Leased)
}

pub(crate) async fn no_fence_is_handed_out_twice(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put(NewEntry { max_attempts: 100, ..entry() }).await?;
    fixture.put_some(1).await?;
    let mut fences = std::collections::HashSet::new();
    for round in 0..20 {
        let claimed = fixture.claim(2).await?;
        same("the number of claims", claimed.len(), 2)?;
        for claimed in claimed.iter().filter(|claimed| claimed.entry.id == id) {
            same("that the fence is new", fences.insert(claimed.lease.fence.clone()), true)?;
        }
        for claimed in claimed {
            let put_off = End::Again { wait: seconds(0), counts: false };
            match round % 3 {
                0 => drop(fixture.settle(&claimed, End::GiveBack).await?),
                1 => drop(fixture.settle(&claimed, put_off).await?),
                _ => fixture.pass(LEASE),
            }
        }
    }
    same("the number of fences", fences.len(), 20)
}

pub(crate) async fn expired_entries_become_dead_letters(fixture: &Fixture<'_>) -> ScenarioResult {
    use martello_outbox::{EntryEvent, EventKind, Reason};
    let expiring = |after| NewEntry { expires_in: seconds(after), ..entry() };
    let leased = fixture.put(expiring(9)).await?;
    fixture.claim_one().await?;
    let waiting = fixture.put(NewEntry { delay: seconds(60), ..expiring(10) }).await?;
    let paused = NewEntry { queue: queue("paused"), ..expiring(10) };
    let paused = fixture.put(paused).await?;
    fixture.store().pause(&queue("paused"), "to see").await?;
    fixture.pass(seconds(10) - MOMENT);
    same("those that died a microsecond before", fixture.turn(turn(5)).await?.dead_letters, Vec::new())?;
    fixture.pass(MOMENT);
    let died = only("those that died", fixture.turn(turn(0)).await?.dead_letters)?;
    same("the returned and the stored entry", &died, &fixture.entry(waiting).await?)?;
    same("the entry", (died.id, died.state, died.reason), (waiting, State::Dead, Some(Reason::Expired)))?;
    same("when it moved", died.changed_at, fixture.now())?;
    let event =
        EntryEvent { at: fixture.now(), kind: EventKind::DeadLettered, detail: Some("expired".into()) };
    same("its events", fixture.detail(waiting).await?.events, vec![event])?;
    same("one that a worker has", fixture.state(leased).await?, State::Leased)?;
    same("one of another queue", fixture.state(paused).await?, State::Ready)?;
    fixture.turn(Turn { queue: queue("paused"), ..turn(1) }).await?;
    same("one of a paused queue, after its turn", fixture.state(paused).await?, State::Dead)
}

pub(crate) async fn a_turn_moves_a_hundred_expired_entries(fixture: &Fixture<'_>) -> ScenarioResult {
    let expiring = |after| NewEntry { expires_in: seconds(after), ..entry() };
    let last = fixture.put(expiring(20)).await?;
    fixture.store().enqueue((0..149).map(|_| expiring(10)).collect()).await?;
    let ready = fixture.put(entry()).await?;
    fixture.pass(seconds(20));
    let turned = fixture.turn(turn(5)).await?;
    same("what was claimed beside them", ids(&turned.claimed), vec![ready])?;
    same("those that died at first", turned.dead_letters.len(), 100)?;
    same("what was to be done next", turned.next, Some(seconds(0)))?;
    same("the one that expired last", fixture.state(last).await?, State::Ready)?;
    let turned = fixture.turn(turn(0)).await?;
    same("those that died then", turned.dead_letters.len(), 50)?;
    same("one that has time", fixture.state(ready).await?, State::Leased)
}
