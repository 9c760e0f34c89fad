use super::super::{
    check::{holds, only, refused, same},
    fixture::{Fixture, LEASE, entry, queue, seconds, settlement, start, turn},
    violation::{Fault, ScenarioResult},
};
use martello_outbox::{
    Change, EntryEvent, EntryId, EventKind, Filter, JobId, NewEntry, Reason, ReplayJob, State,
    StoreErrorKind, WhenOvertaken,
    store::{End, Turn},
};

async fn dead(fixture: &Fixture<'_>, many: usize) -> Result<Vec<EntryId>, Fault> {
    let mut ids = Vec::new();
    for _ in 0..many {
        ids.push(fixture.put_dead(NewEntry { expires_in: seconds(1000), ..entry() }).await?);
    }
    Ok(ids)
}

async fn progress(fixture: &Fixture<'_>, job: JobId) -> Result<ReplayJob, Fault> {
    let jobs = fixture.store().replays().await?;
    only("replays of this name", jobs.into_iter().filter(|found| found.id == job).collect())
}

/// Total, returned, pending, done and dead.
fn counts(job: &ReplayJob) -> [u64; 5] {
    [job.total, job.returned, job.pending, job.done, job.dead]
}

pub(crate) async fn a_replay_is_the_oldest_first_at_its_rate(fixture: &Fixture<'_>) -> ScenarioResult {
    let ids = dead(fixture, 5).await?;
    let waiting = fixture.put(entry()).await?;
    let elsewhere = fixture.put_dead(NewEntry { queue: queue("other"), ..entry() }).await?;
    fixture.pass(seconds(60));
    let filter = Filter { queue: Some(queue("default")), ..Filter::default() };
    let job = fixture.store().replay(filter.clone(), 2.0, WhenOvertaken::Refuse).await?;
    same("its filter and rate", (&job.filter, job.per_second), (&filter, 2.0))?;
    same("when it was made and cancelled", (job.created_at, job.cancelled_at), (fixture.now(), None))?;
    same("its progress", counts(&job), [5, 0, 5, 0, 0])?;
    for (nth, id) in (0_u32..).zip(&ids) {
        let detail = fixture.detail(*id).await?;
        let due = fixture.now() + seconds(1) * nth / 2;
        same("when it is due", detail.entry.due_at, due)?;
        same("when it expires", detail.entry.expires_at, due + seconds(1000))?;
        same("the entry", (detail.entry.state, detail.entry.changed_at), (State::Ready, fixture.now()))?;
        same(
            "its job and its reason",
            (detail.entry.job, detail.entry.reason),
            (Some(job.id), Some(Reason::Rejected)),
        )?;
        let event_detail = Some(job.id.to_string().into());
        let event = EntryEvent { at: fixture.now(), kind: EventKind::Replayed, detail: event_detail };
        same("its last event", detail.events.last(), Some(&event))?;
    }
    same("one that waited", fixture.entry(waiting).await?.job, None)?;
    same("one that does not pass", fixture.state(elsewhere).await?, State::Dead)
}

pub(crate) async fn a_replay_reports_its_progress(fixture: &Fixture<'_>) -> ScenarioResult {
    dead(fixture, 4).await?;
    let job = fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    fixture.end(End::Done).await?;
    fixture.pass(seconds(1));
    fixture.end(End::Dead(Reason::Exhausted)).await?;
    fixture.pass(seconds(1));
    fixture.claim_one().await?;
    same("its progress", counts(&progress(fixture, job).await?), [4, 0, 2, 1, 1])?;
    fixture.pass(seconds(1));
    let last = fixture.claim_one().await?;
    fixture.settle(&last, End::GiveBack).await?;
    fixture.store().change(last.entry.id, Change::Cancel).await?;
    same("its progress after one was cancelled", counts(&progress(fixture, job).await?), [4, 0, 1, 1, 1])
}

pub(crate) async fn a_later_replay_takes_an_entry_from_the_one_before(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let ids = dead(fixture, 2).await?;
    let first = fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    fixture.end(End::Dead(Reason::Rejected)).await?;
    let second = fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    same("the first's progress", counts(&progress(fixture, first).await?), [2, 0, 1, 0, 0])?;
    same("the second's progress", counts(&progress(fixture, second).await?), [1, 0, 1, 0, 0])?;
    same(
        "the jobs, the newest first",
        fixture.store().replays().await?.iter().map(|job| job.id).collect::<Vec<_>>(),
        vec![second, first],
    )?;
    fixture.end(End::Dead(Reason::Rejected)).await?;
    if let Some(id) = ids.first() {
        let entry = fixture.store().change(*id, Change::Replay(WhenOvertaken::Refuse)).await?;
        same("the job of one that was replayed singly", entry.job, None)?;
    }
    same("the second's progress then", counts(&progress(fixture, second).await?), [1, 0, 0, 0, 0])
}

pub(crate) async fn a_replay_of_nothing_is_a_job_of_none(fixture: &Fixture<'_>) -> ScenarioResult {
    let waiting = fixture.put(entry()).await?;
    for filter in [Filter::default(), Filter::state(State::Ready), Filter::state(State::Done)] {
        let job = fixture.store().replay(filter, 1.0, WhenOvertaken::Refuse).await?;
        same("its progress", counts(&job), [0; 5])?;
        same("the job, as it is listed", progress(fixture, job.id).await?, job)?;
    }
    same("what waits", fixture.entry(waiting).await?.job, None)
}

pub(crate) async fn a_rate_out_of_its_range_is_refused(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put_dead(entry()).await?;
    for rate in [0.0, 0.000_9, 10_000.1, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE] {
        refused(
            &format!("{rate}"),
            fixture.store().replay(Filter::default(), rate, WhenOvertaken::Refuse).await,
            StoreErrorKind::Invalid,
        )?;
    }
    same("the dead letter", fixture.state(id).await?, State::Dead)?;
    same("the jobs", fixture.store().replays().await?, Vec::new())?;
    for rate in [0.001, 10_000.0] {
        fixture.store().replay(Filter::default(), rate, WhenOvertaken::Refuse).await?;
    }
    Ok(())
}

pub(crate) async fn a_slow_replay_is_due_late(fixture: &Fixture<'_>) -> ScenarioResult {
    let ids = dead(fixture, 3).await?;
    fixture.store().replay(Filter::default(), 0.001, WhenOvertaken::Refuse).await?;
    let mut due = Vec::new();
    for id in ids {
        due.push(fixture.entry(id).await?.due_at);
    }
    let expected = [0, 1000, 2000].map(|late| start() + seconds(late));
    same("when they are due", due, expected.to_vec())
}

pub(crate) async fn cancelling_a_replay_returns_what_was_not_claimed(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let ids = dead(fixture, 6).await?;
    let job = fixture.store().replay(Filter::default(), 1000.0, WhenOvertaken::Refuse).await?.id;
    fixture.pass(seconds(1));
    let claimed = fixture.turn(Turn { cap: 10, ..turn(4) }).await?.claimed;
    let ends = [End::Done, End::GiveBack, End::Again { wait: seconds(9), counts: false }];
    let settle =
        claimed.iter().zip(ends).map(|(claimed, end)| settlement(claimed, end, fixture.now())).collect();
    fixture.turn(Turn { settle, ..turn(0) }).await?;
    let cancelled = fixture.store().cancel_replay(job).await?;
    same("when it was cancelled", cancelled.cancelled_at, Some(fixture.now()))?;
    same("its progress", counts(&cancelled), [6, 2, 3, 1, 0])?;
    let mut states = Vec::new();
    for id in &ids {
        states.push(fixture.state(*id).await?);
    }
    let (ready, dead) = (State::Ready, State::Dead);
    same("the states", states, vec![State::Done, ready, ready, State::Leased, dead, dead])?;
    let before = fixture.store().replays().await?;
    fixture.pass(seconds(1));
    same("cancelled once more", vec![fixture.store().cancel_replay(job).await?], before)
}

pub(crate) async fn what_a_cancelled_replay_returns_is_as_it_was(fixture: &Fixture<'_>) -> ScenarioResult {
    let id = fixture.put(NewEntry { dead: Some(Reason::Ambiguous), ..entry() }).await?;
    let job = fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    fixture.pass(seconds(1));
    fixture.store().cancel_replay(job).await?;
    let detail = fixture.detail(id).await?;
    let found = (detail.entry.state, detail.entry.reason, detail.entry.changed_at, detail.entry.job);
    same("the entry", found, (State::Dead, Some(Reason::Ambiguous), fixture.now(), Some(job)))?;
    let event_detail = Some(job.to_string().into());
    let event = EntryEvent { at: fixture.now(), kind: EventKind::Returned, detail: event_detail };
    same("its last event", detail.events.last(), Some(&event))?;
    same("its events", detail.events.len(), 3)?;
    same("what can be claimed", fixture.claimable().await?, Vec::new())?;
    let again = fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    same("a replay of it", counts(&again), [1, 0, 1, 0, 0])?;
    same("the first replay's progress", counts(&progress(fixture, job).await?), [1, 1, 0, 0, 0])?;
    fixture.store().cancel_replay(job).await?;
    same("what the later replay put back", fixture.claimable().await?, vec![id])
}

pub(crate) async fn a_replay_that_ends_before_it_is_cancelled_returns_nothing(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let ids = dead(fixture, 4).await?;
    let job = fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?.id;
    let [dead_lettered, cancelled, lost, replayed] = ids.as_slice() else {
        return same("dead letters", ids.len(), 4);
    };
    fixture.store().change(*dead_lettered, Change::DeadLetter).await?;
    fixture.store().change(*cancelled, Change::Cancel).await?;
    fixture.store().change(*replayed, Change::DeadLetter).await?;
    fixture.store().change(*replayed, Change::Replay(WhenOvertaken::Refuse)).await?;
    fixture.pass(seconds(3));
    let claimed = fixture.claim(5).await?;
    fixture.pass(LEASE);
    same("the claims", claimed.len(), 2)?;
    fixture.turn(turn(0)).await?;
    let ended = fixture.store().cancel_replay(job).await?;
    same("its progress", counts(&ended), [4, 0, 1, 0, 1])?;
    same("one that was lost", fixture.state(*lost).await?, State::Ready)?;
    holds(
        "what was dead_lettered has not returned",
        fixture.detail(*dead_lettered).await?.events.iter().all(|event| event.kind != EventKind::Returned),
    )
}

pub(crate) async fn cancelling_an_unknown_replay_is_refused(fixture: &Fixture<'_>) -> ScenarioResult {
    dead(fixture, 1).await?;
    fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    refused("an unknown job", fixture.store().cancel_replay(JobId::new()).await, StoreErrorKind::NotFound)
}

pub(crate) async fn a_replay_is_bounded(fixture: &Fixture<'_>) -> ScenarioResult {
    let letter = || NewEntry { dead: Some(Reason::Rejected), ..entry() };
    for _ in 0..ReplayJob::MOST / 5_000 {
        fixture.store().enqueue((0..5_000).map(|_| letter()).collect()).await?;
    }
    let newest = fixture.put(letter()).await?;
    let job = fixture.store().replay(Filter::default(), 10_000.0, WhenOvertaken::Refuse).await?;
    same("its progress", counts(&job), [ReplayJob::MOST, 0, ReplayJob::MOST, 0, 0])?;
    same("the newest dead letter", fixture.state(newest).await?, State::Dead)?;
    let job = fixture.store().cancel_replay(job.id).await?;
    same("its progress when it is cancelled", counts(&job), [ReplayJob::MOST, ReplayJob::MOST, 0, 0, 0])
}
