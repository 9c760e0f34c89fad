use super::super::{
    check::{holds, only, same},
    fixture::{Fixture, LEASE, MOMENT, entry, ids, keyed, lease, queue, seconds, turn},
    violation::ScenarioResult,
};
use martello_outbox::{
    AttemptRecord, EntryEvent, EventKind, NewEntry, Outcome, Reason, State,
    store::{End, Lease, Settled, Turn},
};

pub(crate) async fn a_lease_lasts_to_its_end(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put(entry()).await?;
    let claimed = fixture.claim_one().await?;
    fixture.pass(LEASE - MOMENT);
    let turned = fixture.turn(turn(5)).await?;
    same("what is lost a microsecond before", (turned.reclaimed_leases, turned.claimed.len()), (0, 0))?;
    fixture.pass(MOMENT);
    same("what is lost at its end", fixture.turn(turn(0)).await?.reclaimed_leases, 1)?;
    same("the entry", fixture.state(claimed.entry.id).await?, State::Ready)
}

pub(crate) async fn a_lost_entry_is_ready_at_once(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put(NewEntry { attempts: super::enqueueing::layer_attempts(), ..entry() }).await?;
    let claimed = fixture.claim_one().await?;
    fixture.pass(LEASE + seconds(1));
    let turned = fixture.turn(turn(0)).await?;
    same("what is lost, and who died", (turned.reclaimed_leases, turned.dead_letters), (1, Vec::new()))?;
    let detail = fixture.detail(id).await?;
    let found = (detail.entry.state, detail.entry.due_at, detail.entry.changed_at);
    same("the entry", found, (State::Ready, fixture.now(), fixture.now()))?;
    same("attempts and tries, which count", (detail.entry.attempts, detail.entry.tries), (3, 1))?;
    let began = claimed.entry.changed_at;
    let lost = AttemptRecord::lost(3, 1, began, fixture.now(), "worker-1");
    same("the lost attempt", detail.attempts.last(), Some(&lost))?;
    let last = (detail.entry.last_outcome, detail.entry.last_status, detail.entry.last_tracking_id);
    same("what is last known", last, (Some(Outcome::Ambiguous), None, None))?;
    let again = fixture.claim_one().await?;
    same("the number of the next attempt", (again.entry.attempts, again.entry.tries), (4, 2))?;
    holds("the next lease has a fence of its own", again.lease.fence != claimed.lease.fence)
}

pub(crate) async fn a_lost_entry_that_must_not_be_sent_twice_is_a_dead_letter(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let id = fixture.put(NewEntry { repeatable: false, max_attempts: 1, ..entry() }).await?;
    fixture.claim_one().await?;
    fixture.pass(LEASE);
    let turned = fixture.turn(turn(5)).await?;
    same("what is lost and claimed", (turned.reclaimed_leases, turned.claimed.len()), (1, 0))?;
    let died = only("those that died", turned.dead_letters)?;
    let detail = fixture.detail(id).await?;
    same("the returned and the stored entry", &died, &detail.entry)?;
    same("the entry", (died.id, died.state, died.reason), (id, State::Dead, Some(Reason::Ambiguous)))?;
    let event =
        EntryEvent { at: fixture.now(), kind: EventKind::DeadLettered, detail: Some("ambiguous".into()) };
    same("its events", detail.events, vec![event])?;
    same("its attempts", detail.attempts.len(), 1)
}

pub(crate) async fn an_entry_whose_workers_crash_ends_as_a_dead_letter(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let id = fixture.put(NewEntry { max_attempts: 2, ..entry() }).await?;
    fixture.claim_one().await?;
    fixture.pass(LEASE);
    same("after the first crash, in the same turn", fixture.claim_one().await?.entry.tries, 2)?;
    fixture.pass(LEASE);
    let died = only("those that died", fixture.turn(turn(5)).await?.dead_letters)?;
    same("the entry", (died.id, died.state, died.reason), (id, State::Dead, Some(Reason::Crashed)))?;
    let detail = fixture.detail(id).await?;
    same("its attempts", detail.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), vec![1, 2])
}

pub(crate) async fn a_lost_entry_that_has_expired_is_a_dead_letter(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put(NewEntry { expires_in: seconds(30), ..entry() }).await?;
    fixture.claim_one().await?;
    fixture.pass(LEASE);
    let turned = fixture.turn(turn(5)).await?;
    same("what is lost and claimed", (turned.reclaimed_leases, turned.claimed.len()), (1, 0))?;
    let died = only("those that died", turned.dead_letters)?;
    same("the entry", (died.id, died.state, died.reason), (id, State::Dead, Some(Reason::Expired)))
}

pub(crate) async fn a_turn_takes_the_lost_leases_of_its_queue(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put_some(3).await?;
    fixture.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    same("claims", fixture.claim(3).await?.len(), 3)?;
    let other = || Turn { queue: queue("other"), ..turn(5) };
    fixture.turn(other()).await?;
    fixture.pass(LEASE);
    same("the other queue's", fixture.turn(other()).await?.reclaimed_leases, 1)?;
    same("the default queue's", fixture.stats(&turn(0).queue).await?.leased, 3)?;
    fixture.store().pause(&turn(0).queue, "to see").await?;
    same("those of a paused queue", fixture.turn(turn(0)).await?.reclaimed_leases, 3)?;
    same("those that are lost once more", fixture.turn(turn(0)).await?.reclaimed_leases, 0)
}

pub(crate) async fn a_lost_lease_makes_room_under_the_cap(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put(NewEntry { repeatable: false, ..entry() }).await?;
    let one = |claim| Turn { cap: 1, ..turn(claim) };
    fixture.turn(one(1)).await?;
    let waiting = fixture.put(entry()).await?;
    same("claims before", ids(&fixture.turn(one(1)).await?.claimed), Vec::new())?;
    fixture.pass(LEASE);
    same("claims in the turn that takes it", ids(&fixture.turn(one(1)).await?.claimed), vec![waiting])
}

pub(crate) async fn a_worker_that_lost_its_lease_is_fenced(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put(keyed("k")).await?;
    let lost = fixture.claim_one().await?;
    fixture.pass(LEASE);
    fixture.turn(turn(0)).await?;
    let ends = [
        End::Done,
        End::Again { wait: seconds(9), counts: false },
        End::Dead(Reason::Rejected),
        End::GiveBack,
    ];
    let before = fixture.detail(id).await?;
    for end in ends {
        same("the answer while it is ready", fixture.settle(&lost, end).await?, Settled::Fenced)?;
        same("the entry", fixture.detail(id).await?, before.clone())?;
    }
    let held = fixture.claim_one().await?;
    let before = fixture.detail(id).await?;
    for end in ends {
        same("the answer while another has it", fixture.settle(&lost, end).await?, Settled::Fenced)?;
        same("the entry", fixture.detail(id).await?, before.clone())?;
    }
    same(
        "a heartbeat of the lost lease",
        fixture.store().heartbeat(vec![lost.lease], LEASE).await?,
        vec![false],
    )?;
    same("the answer to who has it", fixture.settle(&held, End::Done).await?, Settled::Applied)
}

pub(crate) async fn a_lease_that_ran_out_is_held_until_it_is_taken(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put_some(2).await?;
    let claimed = fixture.claim(2).await?;
    fixture.pass(LEASE + seconds(9));
    let [late, prolonged] = claimed.as_slice() else { return same("the claims", claimed.len(), 2) };
    same("a late heartbeat", fixture.store().heartbeat(lease(&claimed), LEASE).await?, vec![true, true])?;
    fixture.pass(LEASE - MOMENT);
    same("what is lost then", fixture.turn(turn(0)).await?.reclaimed_leases, 0)?;
    fixture.pass(seconds(9));
    same("a late settlement", fixture.settle(late, End::Done).await?, Settled::Applied)?;
    // Its own turn took the other one.
    same("the other one", fixture.settle(prolonged, End::Done).await?, Settled::Fenced)
}

pub(crate) async fn a_heartbeat_prolongs_what_is_held(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put_some(3).await?;
    let claimed = fixture.claim(3).await?;
    let [held, settled, other] = claimed.as_slice() else { return same("the claims", claimed.len(), 3) };
    fixture.settle(settled, End::Done).await?;
    fixture.pass(seconds(50));
    let wrong = Lease { fence: "another".into(), ..other.lease.clone() };
    let unknown = Lease { id: martello_outbox::EntryId::new(), ..held.lease.clone() };
    let beats = vec![settled.lease.clone(), held.lease.clone(), wrong, unknown];
    same(
        "the answers",
        fixture.store().heartbeat(beats, seconds(30)).await?,
        vec![false, true, false, false],
    )?;
    fixture.pass(seconds(30) - MOMENT);
    same("what is lost at first", fixture.turn(turn(0)).await?.reclaimed_leases, 1)?;
    same("what was prolonged", fixture.state(held.entry.id).await?, State::Leased)?;
    fixture.pass(MOMENT);
    same("what is lost then", fixture.turn(turn(0)).await?.reclaimed_leases, 1)?;
    same("the answers to nothing", fixture.store().heartbeat(Vec::new(), LEASE).await?, Vec::<bool>::new())
}
