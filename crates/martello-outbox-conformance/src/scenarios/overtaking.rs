use std::fmt::Debug;

use super::super::{
    check::{only, same},
    stage::{LEASE, Stage, entry, keyed, queue, request, seconds, settlement, turn},
    violation::{Fault, Played},
};
use martello_outbox::{
    AttemptRecord, Change, EntryId, Filter, NewEntry, OrderKey, Outcome, Overtaken, Purge, QueueName, Reason,
    State, StoreError, WhenOvertaken,
    store::{Claimed, End, KeyState, Settled, Turn},
};

const REPLAY: Change = Change::Replay(WhenOvertaken::Refuse);
const OVERWRITE: Change = Change::Replay(WhenOvertaken::Overwrite);

async fn mark(stage: &Stage<'_>, id: EntryId) -> Result<Option<Overtaken>, Fault> {
    let found = stage.entry(id).await?.overtaken;
    same("what the detail says of it", stage.detail(id).await?.entry.overtaken, found)?;
    Ok(found)
}

/// Marks the dead letters of the key "k".
async fn overtake(stage: &Stage<'_>, overtaken: Overtaken) -> Result<u64, Fault> {
    let Some(key) = keyed("k").order_key else { return Ok(0) };
    Ok(stage.store().overtake(&QueueName::default(), &key, overtaken).await?)
}

/// Settles it with an attempt that ended like this.
async fn settle(stage: &Stage<'_>, claimed: &Claimed, end: End, outcome: Outcome, status: u16) -> Played {
    let mut settlement = settlement(claimed, end, stage.now());
    let status = http::StatusCode::from_u16(status).ok();
    settlement.attempt = settlement.attempt.map(|attempt| AttemptRecord { outcome, status, ..attempt });
    let turned = stage.turn(Turn { settle: vec![settlement], ..turn(0) }).await?;
    same("the answer", turned.settled, vec![Settled::Applied])
}

pub(in super::super) async fn a_delivery_overtakes_the_older_dead_letters_of_its_key(
    stage: &Stage<'_>,
) -> Played {
    let older = stage.put_dead(keyed("k")).await?;
    let id = stage.put(keyed("k")).await?;
    stage.end(End::Dead(Reason::Rejected)).await?;
    let keyless = stage.put_dead(entry()).await?;
    for new in [entry(), keyed("K")] {
        stage.put(new).await?;
        stage.end(End::Done).await?;
    }
    let elsewhere = NewEntry { queue: queue("other"), ..keyed("k") };
    stage.put(elsewhere).await?;
    let other = || Turn { queue: queue("other"), ..turn(1) };
    let claimed = only("claims of the other queue", stage.turn(other()).await?.claimed)?;
    same("its end", stage.settle(&claimed, End::Done).await?, Settled::Applied)?;
    for id in [id, keyless] {
        same("what others did", mark(stage, id).await?, None)?;
    }
    stage.store().change(older, REPLAY).await?;
    same("the older one's end", stage.end(End::Done).await?, older)?;
    same("that an older one is done", mark(stage, id).await?, None)?;
    stage.put(keyed("k")).await?;
    let claimed = stage.claim_one().await?;
    same("that a newer one is leased", mark(stage, id).await?, None)?;
    stage.settle(&claimed, End::Done).await?;
    same("that a newer one is done", mark(stage, id).await?, Some(Overtaken::Certainly))?;
    same("that it is done, for one without a key", mark(stage, keyless).await?, None)
}

pub(in super::super) async fn an_end_that_may_have_been_processed_overtakes_possibly(
    stage: &Stage<'_>,
) -> Played {
    let again = End::Again { after: seconds(0), counts: true };
    let (rejected, ambiguous) = (End::Dead(Reason::Rejected), End::Dead(Reason::Ambiguous));
    let possibly = Some(Overtaken::Possibly);
    for (end, outcome, status, expected) in [
        (again, Outcome::Unavailable, 503, None),
        (again, Outcome::Unsent, 0, None),
        (again, Outcome::Faulty, 429, None),
        (rejected, Outcome::Rejected, 422, None),
        (End::GiveBack, Outcome::Ambiguous, 0, None),
        (again, Outcome::Ambiguous, 0, possibly),
        (again, Outcome::Faulty, 500, possibly),
        (ambiguous, Outcome::Ambiguous, 0, possibly),
        (ambiguous, Outcome::Unavailable, 504, possibly),
    ] {
        let what = format!("an end as {end:?} after {outcome}, {status}");
        let dead = stage.put_dead(keyed("k")).await?;
        stage.put(keyed("k")).await?;
        settle(stage, &stage.claim_one().await?, end, outcome, status).await?;
        same(&what, mark(stage, dead).await?, expected)?;
        if end == again || end == End::GiveBack {
            stage.end(rejected).await?;
        }
        stage.store().purge(Purge::All).await?;
    }
    Ok(())
}

pub(in super::super) async fn a_lost_lease_overtakes_possibly(stage: &Stage<'_>) -> Played {
    for repeatable in [true, false] {
        let dead = stage.put_dead(keyed("k")).await?;
        let other = stage.put_dead(keyed("K")).await?;
        stage.put(NewEntry { repeatable, ..keyed("k") }).await?;
        let claimed = stage.claim_one().await?;
        let newer = stage.put_dead(keyed("k")).await?;
        stage.pass(LEASE);
        same("before it is taken", mark(stage, dead).await?, None)?;
        same("the lost", stage.turn(turn(0)).await?.reclaimed_leases, 1)?;
        same("an older one", mark(stage, dead).await?, Some(Overtaken::Possibly))?;
        same("a newer one", mark(stage, newer).await?, None)?;
        same("one of another key", mark(stage, other).await?, None)?;
        same("itself", mark(stage, claimed.entry.id).await?, None)?;
        same("its end, too late", stage.settle(&claimed, End::Done).await?, Settled::Fenced)?;
        same("an older one, after that", mark(stage, dead).await?, Some(Overtaken::Possibly))?;
        if repeatable {
            stage.end(End::Dead(Reason::Rejected)).await?;
        }
        stage.store().purge(Purge::All).await?;
    }
    Ok(())
}

pub(in super::super) async fn a_settlement_that_is_sent_again_overtakes_nothing_more(
    stage: &Stage<'_>,
) -> Played {
    let dead = stage.put(keyed("k")).await?;
    let waiting = stage.put(keyed("k")).await?;
    stage.store().change(dead, Change::DeadLetter).await?;
    let claimed = stage.claim_one().await?;
    same("what was claimed", claimed.entry.id, waiting)?;
    stage.store().change(dead, OVERWRITE).await?;
    same("one that was put back over it", mark(stage, dead).await?, Some(Overtaken::Possibly))?;
    same("its end", stage.settle(&claimed, End::Done).await?, Settled::Applied)?;
    stage.end(End::Dead(Reason::Rejected)).await?;
    same("its end again", stage.settle(&claimed, End::Done).await?, Settled::Applied)?;
    same("that one, dead again", mark(stage, dead).await?, Some(Overtaken::Possibly))
}

pub(in super::super) async fn a_call_overtakes_all_dead_letters_of_its_key(stage: &Stage<'_>) -> Played {
    let mut ids = Vec::new();
    for new in [keyed("k"), keyed("k"), keyed("K"), NewEntry { queue: queue("other"), ..keyed("k") }, entry()]
    {
        ids.push(stage.put_dead(new).await?);
    }
    ids.push(stage.put(keyed("k")).await?);
    let marks = || async {
        let mut marks = Vec::new();
        for id in &ids {
            marks.push(mark(stage, *id).await?);
        }
        Ok::<_, Fault>(marks)
    };
    let only_first = |overtaken| vec![Some(overtaken), Some(overtaken), None, None, None, None];
    same("how many of a possible one", overtake(stage, Overtaken::Possibly).await?, 2)?;
    same("their marks", marks().await?, only_first(Overtaken::Possibly))?;
    same("how many of the same again", overtake(stage, Overtaken::Possibly).await?, 0)?;
    same("how many of a certain one", overtake(stage, Overtaken::Certainly).await?, 2)?;
    same("how many of a possible one after that", overtake(stage, Overtaken::Possibly).await?, 0)?;
    same("their marks, which are never less certain", marks().await?, only_first(Overtaken::Certainly))
}

pub(in super::super) async fn a_mark_stays_whatever_happens(stage: &Stage<'_>) -> Played {
    let dead = stage.put_dead(keyed("k")).await?;
    let newer = stage.put(keyed("k")).await?;
    stage.end(End::Done).await?;
    stage.pass(seconds(1));
    same("how many are pruned", stage.store().prune(seconds(0), 10).await?, 1)?;
    same("whether the newer one is there", stage.store().entry(newer).await?, None)?;
    let certainly = Some(Overtaken::Certainly);
    same("when the newer one is pruned", mark(stage, dead).await?, certainly)?;
    let edit = Change::Edit { on: 1, request: Box::new(request()) };
    same("when it is edited", stage.store().change(dead, edit).await?.overtaken, certainly)?;
    same("when it is replayed", stage.store().change(dead, OVERWRITE).await?.overtaken, certainly)?;
    let claimed = stage.claim_one().await?;
    same("when it is claimed", claimed.entry.overtaken, certainly)?;
    stage.settle(&claimed, End::Dead(Reason::Rejected)).await?;
    same("when it has died again", mark(stage, dead).await?, certainly)?;
    let job = stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Overwrite).await?;
    stage.store().cancel_replay(job.id).await?;
    same("when its replay is called off", mark(stage, dead).await?, certainly)?;
    let listed = stage.store().list(Filter::default(), None, 10).await?.entries;
    same("in the list", only("entries", listed)?.overtaken, certainly)
}

pub(in super::super) async fn the_state_of_a_key_tells_what_waits_and_what_is_dead(
    stage: &Stage<'_>,
) -> Played {
    let (Ok(key), Ok(other)) = (OrderKey::new("k"), OrderKey::new("K")) else { return Ok(()) };
    let (default, elsewhere) = (QueueName::default(), queue("other"));
    let told = |what: &'static str, pending: bool, dead: bool| {
        let (default, key) = (&default, &key);
        async move {
            let found = stage.store().key_state(default, key).await?;
            same(what, found, KeyState { pending, dead })
        }
    };
    told("at first", false, false).await?;
    stage.put_dead(entry()).await?;
    stage.put(keyed("k")).await?;
    told("with one that waits", true, false).await?;
    let id = stage.end(End::Dead(Reason::Rejected)).await?;
    told("with a dead letter", false, true).await?;
    stage.put(keyed("k")).await?;
    told("with both", true, true).await?;
    let claimed = stage.claim_one().await?;
    told("with one that is leased", true, true).await?;
    for (queue, key) in [(&default, &other), (&elsewhere, &key)] {
        same("elsewhere", stage.store().key_state(queue, key).await?, KeyState::default())?;
    }
    stage.settle(&claimed, End::Done).await?;
    told("with one that is overtaken", false, true).await?;
    stage.store().change(id, OVERWRITE).await?;
    told("with one that was put back", true, false).await?;
    stage.end(End::Done).await?;
    told("with none but what is done", false, false).await
}

/// Whether a replay is refused with this error, which says what to do.
#[track_caller]
fn refuses<T: Debug>(what: &str, found: Result<T, StoreError>, expected: &StoreError) -> Played {
    let told = |error: StoreError| (error.kind(), error.to_string());
    same(what, found.map(|_| ()).map_err(told), Err((expected.kind(), expected.to_string())))
}

pub(in super::super) async fn a_replay_of_what_is_overtaken_is_refused(stage: &Stage<'_>) -> Played {
    for overtaken in [Overtaken::Possibly, Overtaken::Certainly] {
        let [free, marked] = [stage.put_dead(keyed("K")).await?, stage.put_dead(keyed("k")).await?];
        overtake(stage, overtaken).await?;
        let before = (stage.detail(free).await?, stage.detail(marked).await?, stage.store().replays().await?);
        refuses("its replay", stage.store().change(marked, REPLAY).await, &StoreError::overtaken(marked))?;
        let newer = stage.put(keyed("k")).await?;
        let claimed = stage.claim_one().await?;
        let meanwhile = stage.store().change(marked, REPLAY).await;
        refuses("its replay, with a newer one under way", meanwhile, &StoreError::overtaken(marked))?;
        stage.settle(&claimed, End::GiveBack).await?;
        stage.store().change(newer, Change::Cancel).await?;
        let all = || Filter::state(State::Dead);
        let replay = stage.store().replay(all(), 1.0, WhenOvertaken::Refuse).await;
        refuses("a replay of it and others", replay, &StoreError::overtaken(marked))?;
        let after = (stage.detail(free).await?, stage.detail(marked).await?, stage.store().replays().await?);
        same("what there is then", after, before)?;
        let others = Filter { order_key: keyed("K").order_key, ..all() };
        same(
            "a replay of the others",
            stage.store().replay(others, 1.0, WhenOvertaken::Refuse).await?.total,
            1,
        )?;
        stage.end(End::Dead(Reason::Rejected)).await?;
        same("all the same", stage.store().change(marked, OVERWRITE).await?.state, State::Ready)?;
        stage.end(End::Dead(Reason::Rejected)).await?;
        let total = stage.store().replay(all(), 1.0, WhenOvertaken::Overwrite).await?.total;
        same("all the same, in a job", total, 2)?;
        stage.end(End::Done).await?;
        stage.pass(seconds(1));
        stage.end(End::Done).await?;
    }
    Ok(())
}

pub(in super::super) async fn a_replay_is_refused_while_a_newer_entry_is_leased(stage: &Stage<'_>) -> Played {
    let [older, dead] = [stage.put_dead(keyed("k")).await?, stage.put_dead(keyed("k")).await?];
    stage.put(NewEntry { delay: seconds(1), ..keyed("k") }).await?;
    stage.store().change(older, REPLAY).await?;
    let claimed = stage.claim_one().await?;
    same(
        "over one that waits, beside an older one",
        stage.store().change(dead, REPLAY).await?.state,
        State::Ready,
    )?;
    stage.settle(&claimed, End::Dead(Reason::Rejected)).await?;
    stage.end(End::Dead(Reason::Rejected)).await?;
    stage.pass(seconds(1));
    let newer = stage.claim_one().await?;
    refuses("its replay", stage.store().change(dead, REPLAY).await, &StoreError::overtaking(dead))?;
    let job = stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await;
    refuses("the replay of all", job, &StoreError::overtaking(older))?;
    same("whether it is marked", mark(stage, dead).await?, None)?;
    stage.pass(LEASE);
    let late = stage.store().change(dead, REPLAY).await;
    refuses("when the lease has run out", late, &StoreError::overtaking(dead))?;
    stage.settle(&newer, End::GiveBack).await?;
    same("when it is given back", stage.store().change(dead, REPLAY).await?.state, State::Ready)
}

pub(in super::super) async fn what_is_replayed_over_a_newer_lease_is_possibly_overtaken(
    stage: &Stage<'_>,
) -> Played {
    for by_job in [false, true] {
        let dead = stage.put_dead(keyed("k")).await?;
        stage.put(keyed("k")).await?;
        let newer = stage.claim_one().await?;
        let soon = stage.store().change(dead, REPLAY).await;
        refuses("its replay, meanwhile", soon, &StoreError::overtaking(dead))?;
        if by_job {
            let job = stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Overwrite).await?;
            stage.settle(&newer, End::Done).await?;
            stage.store().cancel_replay(job.id).await?;
        } else {
            stage.store().change(dead, OVERWRITE).await?;
            stage.settle(&newer, End::Done).await?;
            stage.store().change(dead, Change::DeadLetter).await?;
        }
        same("its mark", mark(stage, dead).await?, Some(Overtaken::Possibly))?;
        let next = stage.store().change(dead, REPLAY).await;
        refuses("its next replay", next, &StoreError::overtaken(dead))?;
        stage.store().purge(Purge::All).await?;
    }
    Ok(())
}
