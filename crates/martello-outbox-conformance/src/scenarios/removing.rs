use super::super::{
    check::{refused, same},
    stage::{MOMENT, Stage, entry, keyed, seconds, turn},
    violation::{Fault, Played},
};
use martello_outbox::{
    Change, EntryId, Filter, InvalidEntry, NewEntry, Purge, Reason, State, StoreErrorKind, WhenOvertaken,
    store::{End, Settled},
};

async fn left(stage: &Stage<'_>) -> Result<Vec<EntryId>, Fault> {
    let mut left = stage.store().list(Filter::default(), None, 1000).await?.entries;
    left.reverse();
    Ok(left.into_iter().map(|entry| entry.id).collect())
}

pub(in super::super) async fn a_purge_deletes_dead_letters_that_pass(stage: &Stage<'_>) -> Played {
    let rejected = |new| NewEntry { dead: Some(Reason::Rejected), ..new };
    let mut stay = vec![stage.put(keyed("k")).await?];
    let gone = stage.put(rejected(keyed("k"))).await?;
    let kept = stage.put(rejected(keyed("k"))).await?;
    stage.store().change(kept, Change::Protect).await?;
    let other = stage.put(rejected(keyed("K"))).await?;
    stay.extend([kept, other]);
    let filter = Filter { order_key: keyed("k").order_key, ..Filter::state(State::Ready) };
    same("how many", stage.store().purge(Purge::Matching(filter.clone())).await?, 1)?;
    same("what is left", left(stage).await?, stay)?;
    same("the entry", stage.store().entry(gone).await?, None)?;
    same("its detail", stage.store().detail(gone).await?, None)?;
    refused(
        "its change",
        stage.store().change(gone, Change::Replay(WhenOvertaken::Refuse)).await,
        StoreErrorKind::NotFound,
    )?;
    same("how many once more", stage.store().purge(Purge::Matching(filter.clone())).await?, 0)?;
    stage.store().change(kept, Change::Unprotect).await?;
    same("how many when none is kept", stage.store().purge(Purge::Matching(filter)).await?, 1)?;
    let by_id = Purge::Matching(Filter { id: Some(other), ..Filter::default() });
    same("how many by an id", stage.store().purge(by_id.clone()).await?, 1)?;
    same("how many by it once more", stage.store().purge(by_id).await?, 0)
}

pub(in super::super) async fn a_purge_of_everything_has_to_be_called_that(stage: &Stage<'_>) -> Played {
    let ready = stage.put(entry()).await?;
    for _ in 0..3 {
        stage.put_dead(entry()).await?;
    }
    let kept = stage.put_dead(entry()).await?;
    stage.store().change(kept, Change::Protect).await?;
    for open in [Filter::default(), Filter::state(State::Dead)] {
        let purge = Purge::Matching(open.clone());
        refused("a purge by an open filter", stage.store().purge(purge).await, StoreErrorKind::Invalid)?;
        same(
            "that it cannot be made",
            Purge::matching(open).map_err(|error: InvalidEntry| error.field()),
            Err("filter of a purge"),
        )?;
    }
    same("what is left", left(stage).await?.len(), 5)?;
    same("how many", stage.store().purge(Purge::All).await?, 3)?;
    same("what is left", left(stage).await?, vec![ready, kept])
}

pub(in super::super) async fn a_prune_deletes_what_has_long_been_over(stage: &Stage<'_>) -> Played {
    let mut stay = Vec::new();
    for _ in 0..2 {
        stage.put(entry()).await?;
        stage.end(End::Done).await?;
    }
    let cancelled = stage.put(entry()).await?;
    stage.store().change(cancelled, Change::Cancel).await?;
    stay.push(stage.put_dead(entry()).await?);
    stay.push(stage.put(entry()).await?);
    stage.claim_one().await?;
    stay.push(stage.put(NewEntry { delay: seconds(1), ..entry() }).await?);
    stage.pass(seconds(100));
    same("how many of just that age", stage.store().prune(seconds(100), 10).await?, 0)?;
    stage.pass(MOMENT);
    same("how many at most none", stage.store().prune(seconds(100), 0).await?, 0)?;
    same("how many at most two", stage.store().prune(seconds(100), 2).await?, 2)?;
    same("how many then", stage.store().prune(seconds(100), 10).await?, 1)?;
    same("what is left", left(stage).await?, stay)
}

pub(in super::super) async fn a_prune_takes_first_what_has_been_over_for_longest(
    stage: &Stage<'_>,
) -> Played {
    let [oldest, done] = [stage.put(keyed("k")).await?, stage.put(entry()).await?];
    let claimed = stage.claim(2).await?;
    for claimed in claimed.iter().rev() {
        stage.settle(claimed, End::Done).await?;
        stage.pass(seconds(1));
    }
    same("how many", stage.store().prune(seconds(0), 1).await?, 1)?;
    same("what is left", left(stage).await?, vec![oldest])?;
    same("the one that was done first", stage.store().entry(done).await?, None)
}

pub(in super::super) async fn what_was_pruned_is_forgotten(stage: &Stage<'_>) -> Played {
    let dedup = || NewEntry { dedup_key: Some("a".into()), ..keyed("k") };
    let id = stage.put(dedup()).await?;
    let claimed = stage.claim_one().await?;
    stage.settle(&claimed, End::Done).await?;
    stage.pass(seconds(1));
    stage.store().prune(seconds(0), 10).await?;
    same("the entry", stage.store().entry(id).await?, None)?;
    same("its settlement", stage.settle(&claimed, End::Done).await?, Settled::Fenced)?;
    same("its heartbeat", stage.store().heartbeat(vec![claimed.lease], seconds(1)).await?, vec![false])?;
    stage.put(dedup()).await?;
    same("what is done", stage.stats(&turn(0).queue).await?.done, 0)
}

pub(in super::super) async fn a_prune_forgets_replays_that_are_over(stage: &Stage<'_>) -> Played {
    let replays = || async { Ok::<_, Fault>(stage.store().replays().await?.len()) };
    stage.put_dead(entry()).await?;
    stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    stage.store().replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    stage.end(End::Done).await?;
    stage.pass(seconds(10));
    stage.store().prune(seconds(10), 10).await?;
    same("replays of just that age", replays().await?, 2)?;
    stage.pass(MOMENT);
    stage.store().prune(seconds(10), 0).await?;
    same("replays that nothing is left of", replays().await?, 1)?;
    stage.store().prune(seconds(10), 10).await?;
    same("replays whose entries were pruned", replays().await?, 0)
}
