use std::fmt::Debug;

use super::super::{
    check::same,
    fixture::{Fixture, LEASE, keyed, seconds},
    violation::ScenarioResult,
};
use super::overtaking::{OVERWRITE, REPLAY, mark, overtake};
use martello_outbox::{
    Change, Filter, NewEntry, Overtaken, Purge, Reason, State, StoreError, WhenOvertaken, store::End,
};

/// Whether a replay is refused with this error, which says what to do.
#[track_caller]
fn refuses<T: Debug>(what: &str, found: Result<T, StoreError>, expected: &StoreError) -> ScenarioResult {
    let kind_and_text = |error: StoreError| (error.kind(), error.to_string());
    same(what, found.map(|_| ()).map_err(kind_and_text), Err((expected.kind(), expected.to_string())))
}

pub(crate) async fn a_replay_of_what_is_overtaken_is_refused(fixture: &Fixture<'_>) -> ScenarioResult {
    for overtaken in [Overtaken::Possibly, Overtaken::Certainly] {
        let [free, marked] = [fixture.put_dead(keyed("K")).await?, fixture.put_dead(keyed("k")).await?];
        overtake(fixture, overtaken).await?;
        let before =
            (fixture.detail(free).await?, fixture.detail(marked).await?, fixture.store().replays().await?);
        refuses("its replay", fixture.store().change(marked, REPLAY).await, &StoreError::overtaken(marked))?;
        let newer = fixture.put(keyed("k")).await?;
        let claimed = fixture.claim_one().await?;
        let meanwhile = fixture.store().change(marked, REPLAY).await;
        refuses("its replay, with a newer one under way", meanwhile, &StoreError::overtaken(marked))?;
        fixture.settle(&claimed, End::GiveBack).await?;
        fixture.store().change(newer, Change::Cancel).await?;
        let all = || Filter::state(State::Dead);
        let replay = fixture.store().replay(all(), 1.0, WhenOvertaken::Refuse).await;
        refuses("a replay of it and others", replay, &StoreError::overtaken(marked))?;
        let after =
            (fixture.detail(free).await?, fixture.detail(marked).await?, fixture.store().replays().await?);
        same("what there is then", after, before)?;
        let others = Filter { order_key: keyed("K").order_key, ..all() };
        same(
            "a replay of the others",
            fixture.store().replay(others, 1.0, WhenOvertaken::Refuse).await?.total,
            1,
        )?;
        fixture.end(End::Dead(Reason::Rejected)).await?;
        same("all the same", fixture.store().change(marked, OVERWRITE).await?.state, State::Ready)?;
        fixture.end(End::Dead(Reason::Rejected)).await?;
        let total = fixture.store().replay(all(), 1.0, WhenOvertaken::Overwrite).await?.total;
        same("all the same, in a job", total, 2)?;
        fixture.end(End::Done).await?;
        fixture.pass(seconds(1));
        fixture.end(End::Done).await?;
    }
    Ok(())
}

pub(crate) async fn a_replay_is_refused_while_a_newer_entry_is_leased(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let [older, dead] = [fixture.put_dead(keyed("k")).await?, fixture.put_dead(keyed("k")).await?];
    fixture.put(NewEntry { delay: seconds(1), ..keyed("k") }).await?;
    fixture.store().change(older, REPLAY).await?;
    let claimed = fixture.claim_one().await?;
    same(
        "over one that waits, beside an older one",
        fixture.store().change(dead, REPLAY).await?.state,
        State::Ready,
    )?;
    fixture.settle(&claimed, End::Dead(Reason::Rejected)).await?;
    fixture.end(End::Dead(Reason::Rejected)).await?;
    fixture.pass(seconds(1));
    let newer = fixture.claim_one().await?;
    refuses("its replay", fixture.store().change(dead, REPLAY).await, &StoreError::overtaking(dead))?;
    let job = fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await;
    refuses("the replay of all", job, &StoreError::overtaking(older))?;
    same("whether it is marked", mark(fixture, dead).await?, None)?;
    fixture.pass(LEASE);
    let late = fixture.store().change(dead, REPLAY).await;
    refuses("when the lease has run out", late, &StoreError::overtaking(dead))?;
    fixture.settle(&newer, End::GiveBack).await?;
    same("when it is given back", fixture.store().change(dead, REPLAY).await?.state, State::Ready)
}

pub(crate) async fn what_is_replayed_over_a_newer_lease_is_possibly_overtaken(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    for by_job in [false, true] {
        let dead = fixture.put_dead(keyed("k")).await?;
        fixture.put(keyed("k")).await?;
        let newer = fixture.claim_one().await?;
        let soon = fixture.store().change(dead, REPLAY).await;
        refuses("its replay, meanwhile", soon, &StoreError::overtaking(dead))?;
        if by_job {
            let job = fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Overwrite).await?;
            fixture.settle(&newer, End::Done).await?;
            fixture.store().cancel_replay(job.id).await?;
        } else {
            fixture.store().change(dead, OVERWRITE).await?;
            fixture.settle(&newer, End::Done).await?;
            fixture.store().change(dead, Change::DeadLetter).await?;
        }
        same("its mark", mark(fixture, dead).await?, Some(Overtaken::Possibly))?;
        let next = fixture.store().change(dead, REPLAY).await;
        refuses("its next replay", next, &StoreError::overtaken(dead))?;
        fixture.store().purge(Purge::All).await?;
    }
    Ok(())
}
