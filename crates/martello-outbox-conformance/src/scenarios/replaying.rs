use super::super::{
    check::{holds, only, refused, same},
    stage::{LEASE, Stage, entry, queue, seconds, settlement, start, turn},
    violation::{Fault, Played},
};
use martello_outbox::{
    Change, EntryEvent, EntryId, EventKind, Filter, JobId, NewEntry, Reason, ReplayJob, State,
    StoreErrorKind, WhenOvertaken,
    store::{End, Turn},
};

async fn dead(stage: &Stage<'_>, many: usize) -> Result<Vec<EntryId>, Fault> {
    let mut ids = Vec::new();
    for _ in 0..many {
        ids.push(stage.put_dead(NewEntry { expires_in: seconds(1000), ..entry() }).await?);
    }
    Ok(ids)
}

async fn progress(stage: &Stage<'_>, job: JobId) -> Result<ReplayJob, Fault> {
    let jobs = stage.store().replays().await?;
    only("replays of this name", jobs.into_iter().filter(|found| found.id == job).collect())
}

/// Total, returned, pending, done and dead.
fn counts(job: &ReplayJob) -> [u64; 5] {
    [job.total, job.returned, job.pending, job.done, job.dead]
}

pub(in super::super) async fn a_replay_is_the_oldest_first_at_its_rate(stage: &Stage<'_>) -> Played {
    let ids = dead(stage, 5).await?;
    let waiting = stage.put(entry()).await?;
    let elsewhere = stage.put_dead(NewEntry { queue: queue("other"), ..entry() }).await?;
    stage.pass(seconds(60));
    let filter = Filter { queue: Some(queue("default")), ..Filter::default() };
    let job = stage.store().replay(filter.clone(), 2.0, WhenOvertaken::Refuse).await?;
    same("its filter and rate", (&job.filter, job.per_second), (&filter, 2.0))?;
    same("when it was made and cancelled", (job.created_at, job.cancelled_at), (stage.now(), None))?;
    same("its progress", counts(&job), [5, 0, 5, 0, 0])?;
    for (nth, id) in (0_u32..).zip(&ids) {
        let detail = stage.detail(*id).await?;
        let due = stage.now() + seconds(1) * nth / 2;
        same("when it is due", detail.entry.due_at, due)?;
        same("when it expires", detail.entry.expires_at, due + seconds(1000))?;
        same("the entry", (detail.entry.state, detail.entry.changed_at), (State::Ready, stage.now()))?;
        same(
            "its job and its reason",
            (detail.entry.job, detail.entry.reason),
            (Some(job.id), Some(Reason::Rejected)),
        )?;
        let told = Some(job.id.to_string().into());
        let event = EntryEvent { at: stage.now(), kind: EventKind::Replayed, detail: told };
        same("its last event", detail.events.last(), Some(&event))?;
    }
    same("one that waited", stage.entry(waiting).await?.job, None)?;
    same("one that does not pass", stage.state(elsewhere).await?, State::Dead)
}

pub(in super::super) async fn a_replay_tells_its_progress(stage: &Stage<'_>) -> Played {
    dead(stage, 4).await?;
    let job = stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    stage.end(End::Done).await?;
    stage.pass(seconds(1));
    stage.end(End::Dead(Reason::Exhausted)).await?;
    stage.pass(seconds(1));
    stage.claim_one().await?;
    same("its progress", counts(&progress(stage, job).await?), [4, 0, 2, 1, 1])?;
    stage.pass(seconds(1));
    let last = stage.claim_one().await?;
    stage.settle(&last, End::GiveBack).await?;
    stage.store().change(last.entry.id, Change::Cancel).await?;
    same("its progress after one was cancelled", counts(&progress(stage, job).await?), [4, 0, 1, 1, 1])
}

pub(in super::super) async fn a_later_replay_takes_an_entry_from_the_one_before(stage: &Stage<'_>) -> Played {
    let ids = dead(stage, 2).await?;
    let first = stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    stage.end(End::Dead(Reason::Rejected)).await?;
    let second = stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    same("the first's progress", counts(&progress(stage, first).await?), [2, 0, 1, 0, 0])?;
    same("the second's progress", counts(&progress(stage, second).await?), [1, 0, 1, 0, 0])?;
    same(
        "the jobs, the newest first",
        stage.store().replays().await?.iter().map(|job| job.id).collect::<Vec<_>>(),
        vec![second, first],
    )?;
    stage.end(End::Dead(Reason::Rejected)).await?;
    if let Some(id) = ids.first() {
        let entry = stage.store().change(*id, Change::Replay(WhenOvertaken::Refuse)).await?;
        same("the job of one that was replayed singly", entry.job, None)?;
    }
    same("the second's progress then", counts(&progress(stage, second).await?), [1, 0, 0, 0, 0])
}

pub(in super::super) async fn a_replay_of_nothing_is_a_job_of_none(stage: &Stage<'_>) -> Played {
    let waiting = stage.put(entry()).await?;
    for filter in [Filter::default(), Filter::state(State::Ready), Filter::state(State::Done)] {
        let job = stage.store().replay(filter, 1.0, WhenOvertaken::Refuse).await?;
        same("its progress", counts(&job), [0; 5])?;
        same("the job, as it is listed", progress(stage, job.id).await?, job)?;
    }
    same("what waits", stage.entry(waiting).await?.job, None)
}

pub(in super::super) async fn a_rate_out_of_its_range_is_refused(stage: &Stage<'_>) -> Played {
    let id = stage.put_dead(entry()).await?;
    for rate in [0.0, 0.000_9, 10_000.1, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
        refused(
            &format!("{rate}"),
            stage.store().replay(Filter::default(), rate, WhenOvertaken::Refuse).await,
            StoreErrorKind::Invalid,
        )?;
    }
    same("the dead letter", stage.state(id).await?, State::Dead)?;
    same("the jobs", stage.store().replays().await?, Vec::new())?;
    for rate in [0.001, 10_000.0] {
        stage.store().replay(Filter::default(), rate, WhenOvertaken::Refuse).await?;
    }
    Ok(())
}

pub(in super::super) async fn a_slow_replay_is_due_late(stage: &Stage<'_>) -> Played {
    let ids = dead(stage, 3).await?;
    stage.store().replay(Filter::default(), 0.001, WhenOvertaken::Refuse).await?;
    let mut due = Vec::new();
    for id in ids {
        due.push(stage.entry(id).await?.due_at);
    }
    let expected = [0, 1000, 2000].map(|late| start() + seconds(late));
    same("when they are due", due, expected.to_vec())
}

pub(in super::super) async fn cancelling_a_replay_returns_what_was_not_claimed(stage: &Stage<'_>) -> Played {
    let ids = dead(stage, 6).await?;
    let job = stage.store().replay(Filter::default(), 1000.0, WhenOvertaken::Refuse).await?.id;
    stage.pass(seconds(1));
    let claimed = stage.turn(Turn { cap: 10, ..turn(4) }).await?.claimed;
    let ends = [End::Done, End::GiveBack, End::Again { after: seconds(9), counts: false }];
    let settle =
        claimed.iter().zip(ends).map(|(claimed, end)| settlement(claimed, end, stage.now())).collect();
    stage.turn(Turn { settle, ..turn(0) }).await?;
    let cancelled = stage.store().cancel_replay(job).await?;
    same("when it was cancelled", cancelled.cancelled_at, Some(stage.now()))?;
    same("its progress", counts(&cancelled), [6, 2, 3, 1, 0])?;
    let mut states = Vec::new();
    for id in &ids {
        states.push(stage.state(*id).await?);
    }
    let (ready, dead) = (State::Ready, State::Dead);
    same("the states", states, vec![State::Done, ready, ready, State::Leased, dead, dead])?;
    let before = stage.store().replays().await?;
    stage.pass(seconds(1));
    same("cancelled once more", vec![stage.store().cancel_replay(job).await?], before)
}

pub(in super::super) async fn what_a_cancelled_replay_returns_is_as_it_was(stage: &Stage<'_>) -> Played {
    let id = stage.put(NewEntry { dead: Some(Reason::Ambiguous), ..entry() }).await?;
    let job = stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    stage.pass(seconds(1));
    stage.store().cancel_replay(job).await?;
    let detail = stage.detail(id).await?;
    let found = (detail.entry.state, detail.entry.reason, detail.entry.changed_at, detail.entry.job);
    same("the entry", found, (State::Dead, Some(Reason::Ambiguous), stage.now(), Some(job)))?;
    let told = Some(job.to_string().into());
    let event = EntryEvent { at: stage.now(), kind: EventKind::Returned, detail: told };
    same("its last event", detail.events.last(), Some(&event))?;
    same("its events", detail.events.len(), 3)?;
    same("what can be claimed", stage.claimable().await?, Vec::new())?;
    let again = stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    same("a replay of it", counts(&again), [1, 0, 1, 0, 0])?;
    same("the first replay's progress", counts(&progress(stage, job).await?), [1, 1, 0, 0, 0])?;
    stage.store().cancel_replay(job).await?;
    same("what the later replay put back", stage.claimable().await?, vec![id])
}

pub(in super::super) async fn a_replay_that_ends_before_it_is_cancelled_returns_nothing(
    stage: &Stage<'_>,
) -> Played {
    let ids = dead(stage, 4).await?;
    let job = stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    let [buried, cancelled, lost, replayed] = ids.as_slice() else {
        return same("dead letters", ids.len(), 4);
    };
    stage.store().change(*buried, Change::DeadLetter).await?;
    stage.store().change(*cancelled, Change::Cancel).await?;
    stage.store().change(*replayed, Change::DeadLetter).await?;
    stage.store().change(*replayed, Change::Replay(WhenOvertaken::Refuse)).await?;
    stage.pass(seconds(3));
    let claimed = stage.claim(5).await?;
    stage.pass(LEASE);
    same("the claims", claimed.len(), 2)?;
    stage.turn(turn(0)).await?;
    let ended = stage.store().cancel_replay(job).await?;
    same("its progress", counts(&ended), [4, 0, 1, 0, 1])?;
    same("one that was lost", stage.state(*lost).await?, State::Ready)?;
    holds(
        "what was buried has not returned",
        stage.detail(*buried).await?.events.iter().all(|event| event.kind != EventKind::Returned),
    )
}

pub(in super::super) async fn cancelling_an_unknown_replay_is_refused(stage: &Stage<'_>) -> Played {
    dead(stage, 1).await?;
    stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    refused("an unknown job", stage.store().cancel_replay(JobId::new()).await, StoreErrorKind::NotFound)
}

pub(in super::super) async fn a_replay_is_bounded(stage: &Stage<'_>) -> Played {
    let letter = || NewEntry { dead: Some(Reason::Rejected), ..entry() };
    for _ in 0..ReplayJob::MOST / 5_000 {
        stage.store().enqueue((0..5_000).map(|_| letter()).collect()).await?;
    }
    let newest = stage.put(letter()).await?;
    let job = stage.store().replay(Filter::default(), 10_000.0, WhenOvertaken::Refuse).await?;
    same("its progress", counts(&job), [ReplayJob::MOST, 0, ReplayJob::MOST, 0, 0])?;
    same("the newest dead letter", stage.state(newest).await?, State::Dead)?;
    let job = stage.store().cancel_replay(job.id).await?;
    same("its progress when it is cancelled", counts(&job), [ReplayJob::MOST, ReplayJob::MOST, 0, 0, 0])
}
