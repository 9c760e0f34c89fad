use super::super::{
    check::{only, same},
    fixture::{Fixture, LEASE, entry, ids, keyed, queue, seconds, turn},
    violation::ScenarioResult,
};
use martello_outbox::{
    Change, EntryId, NewEntry, Reason, WhenOvertaken, WhenPending,
    store::{End, Turn},
};

/// Two entries of one key, the older first.
async fn two(fixture: &Fixture<'_>) -> Result<[EntryId; 2], super::super::violation::Fault> {
    Ok([fixture.put(keyed("k")).await?, fixture.put(keyed("k")).await?])
}

pub(crate) async fn one_of_a_key_is_leased_at_a_time(fixture: &Fixture<'_>) -> ScenarioResult {
    let [older, newer] = two(fixture).await?;
    let claimed = fixture.claim(5).await?;
    same("the first claims", ids(&claimed), vec![older])?;
    same("claims beside it", ids(&fixture.claim(5).await?), Vec::new())?;
    for claimed in &claimed {
        fixture.settle(claimed, End::Done).await?;
    }
    same("claims after it", ids(&fixture.claim(5).await?), vec![newer])
}

pub(crate) async fn keys_are_of_their_queue(fixture: &Fixture<'_>) -> ScenarioResult {
    let there = fixture.put(NewEntry { queue: queue("other"), ..keyed("k") }).await?;
    let here = fixture.put(keyed("k")).await?;
    let other = fixture.put(keyed("K")).await?;
    same("what can be claimed", fixture.claimable().await?, vec![here, other])?;
    fixture.claim(5).await?;
    let claimed = fixture.turn(Turn { queue: queue("other"), ..turn(5) }).await?.claimed;
    same("what can be claimed of the other queue", ids(&claimed), vec![there])
}

pub(crate) async fn an_older_entry_keeps_back_its_key_while_it_waits(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let older = fixture.put(NewEntry { delay: seconds(10), ..keyed("k") }).await?;
    fixture.put(keyed("k")).await?;
    let without = fixture.put(entry()).await?;
    same("claims while the older one waits", ids(&fixture.claim(5).await?), vec![without])?;
    fixture.pass(seconds(10));
    same("claims at its time", ids(&fixture.claim(5).await?), vec![older])
}

pub(crate) async fn an_entry_that_is_put_off_or_given_back_stays_ahead(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let [older, newer] = two(fixture).await?;
    fixture.end(End::Again { wait: seconds(10), counts: true }).await?;
    same("claims while it is put off", fixture.claimable().await?, Vec::new())?;
    fixture.pass(seconds(10));
    same("given back", fixture.end(End::GiveBack).await?, older)?;
    same("claimed again", fixture.end(End::Done).await?, older)?;
    same("then the newer one", fixture.end(End::Done).await?, newer)
}

pub(crate) async fn a_key_goes_on_when_its_head_is_settled(fixture: &Fixture<'_>) -> ScenarioResult {
    for end in [End::Done, End::Dead(Reason::Exhausted)] {
        let [older, newer] = two(fixture).await?;
        same("the head", fixture.end(end).await?, older)?;
        same("the head after it", fixture.end(End::Done).await?, newer)?;
    }
    Ok(())
}

pub(crate) async fn a_key_goes_on_when_its_head_is_cancelled(fixture: &Fixture<'_>) -> ScenarioResult {
    for change in [Change::Cancel, Change::DeadLetter] {
        let [older, newer] = two(fixture).await?;
        fixture.store().change(older, change).await?;
        same("the head after it", fixture.end(End::Done).await?, newer)?;
    }
    fixture.put(NewEntry { delay: seconds(9), ..keyed("k") }).await?;
    let newest = fixture.put(NewEntry { when_pending: WhenPending::Supersede, ..keyed("k") }).await?;
    same("the head after one that was superseded", fixture.end(End::Done).await?, newest)
}

pub(crate) async fn a_key_goes_on_when_its_head_expires_or_is_lost(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put(NewEntry { expires_in: seconds(1), delay: seconds(9), ..keyed("k") }).await?;
    let newer = fixture.put(keyed("k")).await?;
    fixture.pass(seconds(1));
    same("the head after one that expired, in the same turn", fixture.end(End::Done).await?, newer)?;

    fixture.put(NewEntry { repeatable: false, ..keyed("k") }).await?;
    fixture.claim_one().await?;
    let newer = fixture.put(keyed("k")).await?;
    fixture.pass(LEASE);
    same("the head after one that was lost, in the same turn", fixture.end(End::Done).await?, newer)
}

pub(crate) async fn a_lost_entry_stays_ahead_of_its_key(fixture: &Fixture<'_>) -> ScenarioResult {
    let [older, _] = two(fixture).await?;
    fixture.claim_one().await?;
    fixture.pass(LEASE);
    same("what is claimed in the turn that takes it back", ids(&fixture.claim(5).await?), vec![older])
}

pub(crate) async fn a_replayed_entry_has_its_old_place(fixture: &Fixture<'_>) -> ScenarioResult {
    let [older, newer] = two(fixture).await?;
    fixture.end(End::Dead(Reason::Rejected)).await?;
    let claimed = fixture.claim_one().await?;
    same("the head", claimed.entry.id, newer)?;
    fixture.put(keyed("k")).await?;
    fixture.store().change(older, Change::Replay(WhenOvertaken::Overwrite)).await?;
    same("claims while the newer one is leased", fixture.claimable().await?, Vec::new())?;
    fixture.settle(&claimed, End::Again { wait: seconds(0), counts: true }).await?;
    same("the head", fixture.claimable().await?, vec![older])?;
    fixture.store().replay(martello_outbox::Filter::default(), 1.0, WhenOvertaken::Overwrite).await?;
    same("what a replay of nothing leaves", fixture.claimable().await?, vec![older])
}

pub(crate) async fn an_entry_replayed_later_keeps_back_its_key(fixture: &Fixture<'_>) -> ScenarioResult {
    let [other, older] = [fixture.put_dead(entry()).await?, fixture.put_dead(keyed("k")).await?];
    fixture.put(keyed("k")).await?;
    fixture.store().replay(martello_outbox::Filter::default(), 0.5, WhenOvertaken::Overwrite).await?;
    same("claims before it is due", fixture.claimable().await?, vec![other])?;
    fixture.end(End::Done).await?;
    fixture.pass(seconds(2));
    let claimed = only("claims when it is due", fixture.claim(5).await?)?;
    same("the head", claimed.entry.id, older)
}
