use super::super::{
    check::{holds, only, same},
    stage::{LEASE, MOMENT, Stage, entry, ids, keyed, lease, queue, seconds, turn},
    violation::Played,
};
use martello_outbox::{
    AttemptRecord, EntryEvent, EventKind, NewEntry, Outcome, Reason, State,
    store::{End, Lease, Settled, Turn},
};

pub(in super::super) async fn a_lease_lasts_to_its_end(stage: &Stage<'_>) -> Played {
    stage.put(entry()).await?;
    let claimed = stage.claim_one().await?;
    stage.pass(LEASE - MOMENT);
    let turned = stage.turn(turn(5)).await?;
    same("what is lost a microsecond before", (turned.reclaimed_leases, turned.claimed.len()), (0, 0))?;
    stage.pass(MOMENT);
    same("what is lost at its end", stage.turn(turn(0)).await?.reclaimed_leases, 1)?;
    same("the entry", stage.state(claimed.entry.id).await?, State::Ready)
}

pub(in super::super) async fn a_lost_entry_is_ready_at_once(stage: &Stage<'_>) -> Played {
    let id = stage.put(NewEntry { attempts: super::enqueueing::at_the_door(), ..entry() }).await?;
    let claimed = stage.claim_one().await?;
    stage.pass(LEASE + seconds(1));
    let turned = stage.turn(turn(0)).await?;
    same("what is lost, and who died", (turned.reclaimed_leases, turned.dead_letters), (1, Vec::new()))?;
    let detail = stage.detail(id).await?;
    let found = (detail.entry.state, detail.entry.due_at, detail.entry.changed_at);
    same("the entry", found, (State::Ready, stage.now(), stage.now()))?;
    same("attempts and tries, which count", (detail.entry.attempts, detail.entry.tries), (3, 1))?;
    let began = claimed.entry.changed_at;
    let lost = AttemptRecord::lost(3, 1, began, stage.now(), "worker-1");
    same("the lost attempt", detail.attempts.last(), Some(&lost))?;
    let last = (detail.entry.last_outcome, detail.entry.last_status, detail.entry.last_tracking_id);
    same("what is last known", last, (Some(Outcome::Ambiguous), None, None))?;
    let again = stage.claim_one().await?;
    same("the number of the next attempt", (again.entry.attempts, again.entry.tries), (4, 2))?;
    holds("the next lease has a fence of its own", again.lease.fence != claimed.lease.fence)
}

pub(in super::super) async fn a_lost_entry_that_must_not_be_sent_twice_is_a_dead_letter(
    stage: &Stage<'_>,
) -> Played {
    let id = stage.put(NewEntry { repeatable: false, max_attempts: 1, ..entry() }).await?;
    stage.claim_one().await?;
    stage.pass(LEASE);
    let turned = stage.turn(turn(5)).await?;
    same("what is lost and claimed", (turned.reclaimed_leases, turned.claimed.len()), (1, 0))?;
    let died = only("those that died", turned.dead_letters)?;
    let detail = stage.detail(id).await?;
    same("the entry, as it was told and as it is kept", &died, &detail.entry)?;
    same("the entry", (died.id, died.state, died.reason), (id, State::Dead, Some(Reason::Ambiguous)))?;
    let event =
        EntryEvent { at: stage.now(), kind: EventKind::DeadLettered, detail: Some("ambiguous".into()) };
    same("its events", detail.events, vec![event])?;
    same("its attempts", detail.attempts.len(), 1)
}

pub(in super::super) async fn an_entry_whose_workers_crash_ends_as_a_dead_letter(
    stage: &Stage<'_>,
) -> Played {
    let id = stage.put(NewEntry { max_attempts: 2, ..entry() }).await?;
    stage.claim_one().await?;
    stage.pass(LEASE);
    same("after the first crash, in the same turn", stage.claim_one().await?.entry.tries, 2)?;
    stage.pass(LEASE);
    let died = only("those that died", stage.turn(turn(5)).await?.dead_letters)?;
    same("the entry", (died.id, died.state, died.reason), (id, State::Dead, Some(Reason::Crashed)))?;
    let detail = stage.detail(id).await?;
    same("its attempts", detail.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), vec![1, 2])
}

pub(in super::super) async fn a_lost_entry_that_has_expired_is_a_dead_letter(stage: &Stage<'_>) -> Played {
    let id = stage.put(NewEntry { expires_in: seconds(30), ..entry() }).await?;
    stage.claim_one().await?;
    stage.pass(LEASE);
    let turned = stage.turn(turn(5)).await?;
    same("what is lost and claimed", (turned.reclaimed_leases, turned.claimed.len()), (1, 0))?;
    let died = only("those that died", turned.dead_letters)?;
    same("the entry", (died.id, died.state, died.reason), (id, State::Dead, Some(Reason::Expired)))
}

pub(in super::super) async fn a_turn_takes_the_lost_leases_of_its_queue(stage: &Stage<'_>) -> Played {
    stage.put_some(3).await?;
    stage.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    same("claims", stage.claim(3).await?.len(), 3)?;
    let other = || Turn { queue: queue("other"), ..turn(5) };
    stage.turn(other()).await?;
    stage.pass(LEASE);
    same("the other queue's", stage.turn(other()).await?.reclaimed_leases, 1)?;
    same("the default queue's", stage.stats(&turn(0).queue).await?.leased, 3)?;
    stage.store().pause(&turn(0).queue, "to see").await?;
    same("those of a paused queue", stage.turn(turn(0)).await?.reclaimed_leases, 3)?;
    same("those that are lost once more", stage.turn(turn(0)).await?.reclaimed_leases, 0)
}

pub(in super::super) async fn a_lost_lease_makes_room_under_the_cap(stage: &Stage<'_>) -> Played {
    stage.put(NewEntry { repeatable: false, ..entry() }).await?;
    let one = |claim| Turn { cap: 1, ..turn(claim) };
    stage.turn(one(1)).await?;
    let waiting = stage.put(entry()).await?;
    same("claims before", ids(&stage.turn(one(1)).await?.claimed), Vec::new())?;
    stage.pass(LEASE);
    same("claims in the turn that takes it", ids(&stage.turn(one(1)).await?.claimed), vec![waiting])
}

pub(in super::super) async fn a_worker_that_lost_its_lease_is_fenced(stage: &Stage<'_>) -> Played {
    let id = stage.put(keyed("k")).await?;
    let lost = stage.claim_one().await?;
    stage.pass(LEASE);
    stage.turn(turn(0)).await?;
    let ends = [
        End::Done,
        End::Again { after: seconds(9), counts: false },
        End::Dead(Reason::Rejected),
        End::GiveBack,
    ];
    let before = stage.detail(id).await?;
    for end in ends {
        same("the answer while it is ready", stage.settle(&lost, end).await?, Settled::Fenced)?;
        same("the entry", stage.detail(id).await?, before.clone())?;
    }
    let held = stage.claim_one().await?;
    let before = stage.detail(id).await?;
    for end in ends {
        same("the answer while another has it", stage.settle(&lost, end).await?, Settled::Fenced)?;
        same("the entry", stage.detail(id).await?, before.clone())?;
    }
    same(
        "a heartbeat of the lost lease",
        stage.store().heartbeat(vec![lost.lease], LEASE).await?,
        vec![false],
    )?;
    same("the answer to who has it", stage.settle(&held, End::Done).await?, Settled::Applied)
}

pub(in super::super) async fn a_lease_that_ran_out_is_held_until_it_is_taken(stage: &Stage<'_>) -> Played {
    stage.put_some(2).await?;
    let claimed = stage.claim(2).await?;
    stage.pass(LEASE + seconds(9));
    let [late, prolonged] = claimed.as_slice() else { return same("the claims", claimed.len(), 2) };
    same("a late heartbeat", stage.store().heartbeat(lease(&claimed), LEASE).await?, vec![true, true])?;
    stage.pass(LEASE - MOMENT);
    same("what is lost then", stage.turn(turn(0)).await?.reclaimed_leases, 0)?;
    stage.pass(seconds(9));
    same("a late settlement", stage.settle(late, End::Done).await?, Settled::Applied)?;
    // Its own turn took the other one.
    same("the other one", stage.settle(prolonged, End::Done).await?, Settled::Fenced)
}

pub(in super::super) async fn a_heartbeat_prolongs_what_is_held(stage: &Stage<'_>) -> Played {
    stage.put_some(3).await?;
    let claimed = stage.claim(3).await?;
    let [held, settled, other] = claimed.as_slice() else { return same("the claims", claimed.len(), 3) };
    stage.settle(settled, End::Done).await?;
    stage.pass(seconds(50));
    let wrong = Lease { fence: "another".into(), ..other.lease.clone() };
    let unknown = Lease { id: martello_outbox::EntryId::new(), ..held.lease.clone() };
    let beats = vec![settled.lease.clone(), held.lease.clone(), wrong, unknown];
    same("the answers", stage.store().heartbeat(beats, seconds(30)).await?, vec![false, true, false, false])?;
    stage.pass(seconds(30) - MOMENT);
    same("what is lost at first", stage.turn(turn(0)).await?.reclaimed_leases, 1)?;
    same("what was prolonged", stage.state(held.entry.id).await?, State::Leased)?;
    stage.pass(MOMENT);
    same("what is lost then", stage.turn(turn(0)).await?.reclaimed_leases, 1)?;
    same("the answers to nothing", stage.store().heartbeat(Vec::new(), LEASE).await?, Vec::<bool>::new())
}
