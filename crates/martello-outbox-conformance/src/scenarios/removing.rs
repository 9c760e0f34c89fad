use super::super::{
    check::{refused, same},
    fixture::{Fixture, MOMENT, entry, keyed, seconds, turn},
    violation::{Fault, ScenarioResult},
};
use martello_outbox::{
    Change, EntryId, Filter, InvalidEntry, NewEntry, Purge, Reason, State, StoreErrorKind, WhenOvertaken,
    store::{End, Settled},
};

async fn left(fixture: &Fixture<'_>) -> Result<Vec<EntryId>, Fault> {
    let mut left = fixture.store().list(Filter::default(), None, 1000).await?.entries;
    left.reverse();
    Ok(left.into_iter().map(|entry| entry.id).collect())
}

pub(crate) async fn a_purge_deletes_dead_letters_that_pass(fixture: &Fixture<'_>) -> ScenarioResult {
    let rejected = |new| NewEntry { dead: Some(Reason::Rejected), ..new };
    let mut stay = vec![fixture.put(keyed("k")).await?];
    let gone = fixture.put(rejected(keyed("k"))).await?;
    let kept = fixture.put(rejected(keyed("k"))).await?;
    fixture.store().change(kept, Change::Protect).await?;
    let other = fixture.put(rejected(keyed("K"))).await?;
    stay.extend([kept, other]);
    let filter = Filter { order_key: keyed("k").order_key, ..Filter::state(State::Ready) };
    same("how many", fixture.store().purge(Purge::Matching(filter.clone())).await?, 1)?;
    same("what is left", left(fixture).await?, stay)?;
    same("the entry", fixture.store().entry(gone).await?, None)?;
    same("its detail", fixture.store().detail(gone).await?, None)?;
    refused(
        "its change",
        fixture.store().change(gone, Change::Replay(WhenOvertaken::Refuse)).await,
        StoreErrorKind::NotFound,
    )?;
    same("how many once more", fixture.store().purge(Purge::Matching(filter.clone())).await?, 0)?;
    fixture.store().change(kept, Change::Unprotect).await?;
    same("how many when none is kept", fixture.store().purge(Purge::Matching(filter)).await?, 1)?;
    let by_id = Purge::Matching(Filter { id: Some(other), ..Filter::default() });
    same("how many by an id", fixture.store().purge(by_id.clone()).await?, 1)?;
    same("how many by it once more", fixture.store().purge(by_id).await?, 0)
}

pub(crate) async fn a_purge_without_a_condition_must_be_explicit(fixture: &Fixture<'_>) -> ScenarioResult {
    let ready = fixture.put(entry()).await?;
    for _ in 0..3 {
        fixture.put_dead(entry()).await?;
    }
    let kept = fixture.put_dead(entry()).await?;
    fixture.store().change(kept, Change::Protect).await?;
    for open in [Filter::default(), Filter::state(State::Dead)] {
        let purge = Purge::Matching(open.clone());
        refused("a purge by an open filter", fixture.store().purge(purge).await, StoreErrorKind::Invalid)?;
        same(
            "that it cannot be made",
            Purge::matching(open).map_err(|error: InvalidEntry| error.field()),
            Err("filter of a purge"),
        )?;
    }
    same("what is left", left(fixture).await?.len(), 5)?;
    same("how many", fixture.store().purge(Purge::All).await?, 3)?;
    same("what is left", left(fixture).await?, vec![ready, kept])
}

pub(crate) async fn a_prune_deletes_what_has_long_been_over(fixture: &Fixture<'_>) -> ScenarioResult {
    let mut stay = Vec::new();
    for _ in 0..2 {
        fixture.put(entry()).await?;
        fixture.end(End::Done).await?;
    }
    let cancelled = fixture.put(entry()).await?;
    fixture.store().change(cancelled, Change::Cancel).await?;
    stay.push(fixture.put_dead(entry()).await?);
    stay.push(fixture.put(entry()).await?);
    fixture.claim_one().await?;
    stay.push(fixture.put(NewEntry { delay: seconds(1), ..entry() }).await?);
    fixture.pass(seconds(100));
    same("how many of just that age", fixture.store().prune(seconds(100), 10).await?, 0)?;
    fixture.pass(MOMENT);
    same("how many at most none", fixture.store().prune(seconds(100), 0).await?, 0)?;
    same("how many at most two", fixture.store().prune(seconds(100), 2).await?, 2)?;
    same("how many then", fixture.store().prune(seconds(100), 10).await?, 1)?;
    same("what is left", left(fixture).await?, stay)
}

pub(crate) async fn a_prune_takes_first_what_has_been_over_for_longest(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let [oldest, done] = [fixture.put(keyed("k")).await?, fixture.put(entry()).await?];
    let claimed = fixture.claim(2).await?;
    for claimed in claimed.iter().rev() {
        fixture.settle(claimed, End::Done).await?;
        fixture.pass(seconds(1));
    }
    same("how many", fixture.store().prune(seconds(0), 1).await?, 1)?;
    same("what is left", left(fixture).await?, vec![oldest])?;
    same("the one that was done first", fixture.store().entry(done).await?, None)
}

pub(crate) async fn a_pruned_entry_is_gone(fixture: &Fixture<'_>) -> ScenarioResult {
    let dedup = || NewEntry { dedup_key: Some("a".into()), ..keyed("k") };
    let id = fixture.put(dedup()).await?;
    let claimed = fixture.claim_one().await?;
    fixture.settle(&claimed, End::Done).await?;
    fixture.pass(seconds(1));
    fixture.store().prune(seconds(0), 10).await?;
    same("the entry", fixture.store().entry(id).await?, None)?;
    same("its settlement", fixture.settle(&claimed, End::Done).await?, Settled::Fenced)?;
    same("its heartbeat", fixture.store().heartbeat(vec![claimed.lease], seconds(1)).await?, vec![false])?;
    fixture.put(dedup()).await?;
    same("what is done", fixture.stats(&turn(0).queue).await?.done, 0)
}

pub(crate) async fn a_prune_forgets_replays_that_are_over(fixture: &Fixture<'_>) -> ScenarioResult {
    let replays = || async { Ok::<_, Fault>(fixture.store().replays().await?.len()) };
    fixture.put_dead(entry()).await?;
    fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    fixture.end(End::Done).await?;
    fixture.pass(seconds(10));
    fixture.store().prune(seconds(10), 10).await?;
    same("replays of just that age", replays().await?, 2)?;
    fixture.pass(MOMENT);
    fixture.store().prune(seconds(10), 0).await?;
    same("replays that nothing is left of", replays().await?, 1)?;
    fixture.store().prune(seconds(10), 10).await?;
    same("replays whose entries were pruned", replays().await?, 0)
}
