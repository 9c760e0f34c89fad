use super::super::{
    check::{only, same},
    stage::{LEASE, Stage, entry, ids, keyed, queue, seconds, turn},
    violation::Played,
};
use martello_outbox::{
    Change, EntryId, NewEntry, Reason, WhenOvertaken, WhenPending,
    store::{End, Turn},
};

/// Two entries of one key, the older first.
async fn two(stage: &Stage<'_>) -> Result<[EntryId; 2], super::super::violation::Fault> {
    Ok([stage.put(keyed("k")).await?, stage.put(keyed("k")).await?])
}

pub(in super::super) async fn one_of_a_key_is_leased_at_a_time(stage: &Stage<'_>) -> Played {
    let [older, newer] = two(stage).await?;
    let claimed = stage.claim(5).await?;
    same("the first claims", ids(&claimed), vec![older])?;
    same("claims beside it", ids(&stage.claim(5).await?), Vec::new())?;
    for claimed in &claimed {
        stage.settle(claimed, End::Done).await?;
    }
    same("claims after it", ids(&stage.claim(5).await?), vec![newer])
}

pub(in super::super) async fn keys_are_of_their_queue(stage: &Stage<'_>) -> Played {
    let there = stage.put(NewEntry { queue: queue("other"), ..keyed("k") }).await?;
    let here = stage.put(keyed("k")).await?;
    let other = stage.put(keyed("K")).await?;
    same("what can be claimed", stage.claimable().await?, vec![here, other])?;
    stage.claim(5).await?;
    let claimed = stage.turn(Turn { queue: queue("other"), ..turn(5) }).await?.claimed;
    same("what can be claimed of the other queue", ids(&claimed), vec![there])
}

pub(in super::super) async fn an_older_entry_keeps_back_its_key_while_it_waits(stage: &Stage<'_>) -> Played {
    let older = stage.put(NewEntry { delay: seconds(10), ..keyed("k") }).await?;
    stage.put(keyed("k")).await?;
    let without = stage.put(entry()).await?;
    same("claims while the older one waits", ids(&stage.claim(5).await?), vec![without])?;
    stage.pass(seconds(10));
    same("claims at its time", ids(&stage.claim(5).await?), vec![older])
}

pub(in super::super) async fn an_entry_that_is_put_off_or_given_back_stays_ahead(
    stage: &Stage<'_>,
) -> Played {
    let [older, newer] = two(stage).await?;
    stage.end(End::Again { after: seconds(10), counts: true }).await?;
    same("claims while it is put off", stage.claimable().await?, Vec::new())?;
    stage.pass(seconds(10));
    same("given back", stage.end(End::GiveBack).await?, older)?;
    same("claimed again", stage.end(End::Done).await?, older)?;
    same("then the newer one", stage.end(End::Done).await?, newer)
}

pub(in super::super) async fn a_key_goes_on_when_its_head_is_settled(stage: &Stage<'_>) -> Played {
    for end in [End::Done, End::Dead(Reason::Exhausted)] {
        let [older, newer] = two(stage).await?;
        same("the head", stage.end(end).await?, older)?;
        same("the head after it", stage.end(End::Done).await?, newer)?;
    }
    Ok(())
}

pub(in super::super) async fn a_key_goes_on_when_its_head_is_called_off(stage: &Stage<'_>) -> Played {
    for change in [Change::Cancel, Change::DeadLetter] {
        let [older, newer] = two(stage).await?;
        stage.store().change(older, change).await?;
        same("the head after it", stage.end(End::Done).await?, newer)?;
    }
    stage.put(NewEntry { delay: seconds(9), ..keyed("k") }).await?;
    let newest = stage.put(NewEntry { when_pending: WhenPending::Supersede, ..keyed("k") }).await?;
    same("the head after one that was superseded", stage.end(End::Done).await?, newest)
}

pub(in super::super) async fn a_key_goes_on_when_its_head_expires_or_is_lost(stage: &Stage<'_>) -> Played {
    stage.put(NewEntry { expires_in: seconds(1), delay: seconds(9), ..keyed("k") }).await?;
    let newer = stage.put(keyed("k")).await?;
    stage.pass(seconds(1));
    same("the head after one that expired, in the same turn", stage.end(End::Done).await?, newer)?;

    stage.put(NewEntry { repeatable: false, ..keyed("k") }).await?;
    stage.claim_one().await?;
    let newer = stage.put(keyed("k")).await?;
    stage.pass(LEASE);
    same("the head after one that was lost, in the same turn", stage.end(End::Done).await?, newer)
}

pub(in super::super) async fn a_lost_entry_stays_ahead_of_its_key(stage: &Stage<'_>) -> Played {
    let [older, _] = two(stage).await?;
    stage.claim_one().await?;
    stage.pass(LEASE);
    same("what is claimed in the turn that takes it back", ids(&stage.claim(5).await?), vec![older])
}

pub(in super::super) async fn a_replayed_entry_has_its_old_place(stage: &Stage<'_>) -> Played {
    let [older, newer] = two(stage).await?;
    stage.end(End::Dead(Reason::Rejected)).await?;
    let claimed = stage.claim_one().await?;
    same("the head", claimed.entry.id, newer)?;
    stage.put(keyed("k")).await?;
    stage.store().change(older, Change::Replay(WhenOvertaken::Overwrite)).await?;
    same("claims while the newer one is leased", stage.claimable().await?, Vec::new())?;
    stage.settle(&claimed, End::Again { after: seconds(0), counts: true }).await?;
    same("the head", stage.claimable().await?, vec![older])?;
    stage.store().replay(martello_outbox::Filter::default(), 1.0, WhenOvertaken::Overwrite).await?;
    same("what a replay of nothing leaves", stage.claimable().await?, vec![older])
}

pub(in super::super) async fn an_entry_replayed_later_keeps_back_its_key(stage: &Stage<'_>) -> Played {
    let [other, older] = [stage.put_dead(entry()).await?, stage.put_dead(keyed("k")).await?];
    stage.put(keyed("k")).await?;
    stage.store().replay(martello_outbox::Filter::default(), 0.5, WhenOvertaken::Overwrite).await?;
    same("claims before it is due", stage.claimable().await?, vec![other])?;
    stage.end(End::Done).await?;
    stage.pass(seconds(2));
    let claimed = only("claims when it is due", stage.claim(5).await?)?;
    same("the head", claimed.entry.id, older)
}
