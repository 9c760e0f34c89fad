use super::super::{
    check::{only, same},
    fixture::{Fixture, LEASE, entry, keyed, queue, request, seconds, settlement, turn},
    violation::{Fault, ScenarioResult},
};
use martello_outbox::{
    AttemptRecord, Change, EntryId, Filter, NewEntry, OrderKey, Outcome, Overtaken, Purge, QueueName, Reason,
    WhenOvertaken,
    store::{Claimed, End, KeyState, Settled, Turn},
};

pub(super) const REPLAY: Change = Change::Replay(WhenOvertaken::Refuse);
pub(super) const OVERWRITE: Change = Change::Replay(WhenOvertaken::Overwrite);

pub(super) async fn mark(fixture: &Fixture<'_>, id: EntryId) -> Result<Option<Overtaken>, Fault> {
    let found = fixture.entry(id).await?.overtaken;
    same("what the detail says of it", fixture.detail(id).await?.entry.overtaken, found)?;
    Ok(found)
}

/// Marks the dead letters of the key "k".
pub(super) async fn overtake(fixture: &Fixture<'_>, overtaken: Overtaken) -> Result<u64, Fault> {
    let Some(key) = keyed("k").order_key else { return Ok(0) };
    Ok(fixture.store().overtake(&QueueName::default(), &key, overtaken).await?)
}

/// Settles it with an attempt that ended like this.
pub(super) async fn settle(
    fixture: &Fixture<'_>,
    claimed: &Claimed,
    end: End,
    outcome: Outcome,
    status: u16,
) -> ScenarioResult {
    let mut settlement = settlement(claimed, end, fixture.now());
    let status = http::StatusCode::from_u16(status).ok();
    settlement.attempt = settlement.attempt.map(|attempt| AttemptRecord { outcome, status, ..attempt });
    let turned = fixture.turn(Turn { settle: vec![settlement], ..turn(0) }).await?;
    same("the answer", turned.settled, vec![Settled::Applied])
}

pub(crate) async fn a_delivery_overtakes_the_older_dead_letters_of_its_key(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let older = fixture.put_dead(keyed("k")).await?;
    let id = fixture.put(keyed("k")).await?;
    fixture.end(End::Dead(Reason::Rejected)).await?;
    let keyless = fixture.put_dead(entry()).await?;
    for new in [entry(), keyed("K")] {
        fixture.put(new).await?;
        fixture.end(End::Done).await?;
    }
    let elsewhere = NewEntry { queue: queue("other"), ..keyed("k") };
    fixture.put(elsewhere).await?;
    let other = || Turn { queue: queue("other"), ..turn(1) };
    let claimed = only("claims of the other queue", fixture.turn(other()).await?.claimed)?;
    same("its end", fixture.settle(&claimed, End::Done).await?, Settled::Applied)?;
    for id in [id, keyless] {
        same("what others did", mark(fixture, id).await?, None)?;
    }
    fixture.store().change(older, REPLAY).await?;
    same("the older one's end", fixture.end(End::Done).await?, older)?;
    same("that an older one is done", mark(fixture, id).await?, None)?;
    fixture.put(keyed("k")).await?;
    let claimed = fixture.claim_one().await?;
    same("that a newer one is leased", mark(fixture, id).await?, None)?;
    fixture.settle(&claimed, End::Done).await?;
    same("that a newer one is done", mark(fixture, id).await?, Some(Overtaken::Certainly))?;
    same("that it is done, for one without a key", mark(fixture, keyless).await?, None)
}

pub(crate) async fn an_end_that_may_have_been_processed_overtakes_possibly(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let again = End::Again { wait: seconds(0), counts: true };
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
        let dead = fixture.put_dead(keyed("k")).await?;
        fixture.put(keyed("k")).await?;
        settle(fixture, &fixture.claim_one().await?, end, outcome, status).await?;
        same(&what, mark(fixture, dead).await?, expected)?;
        if end == again || end == End::GiveBack {
            fixture.end(rejected).await?;
        }
        fixture.store().purge(Purge::All).await?;
    }
    Ok(())
}

pub(crate) async fn a_lost_lease_overtakes_possibly(fixture: &Fixture<'_>) -> ScenarioResult {
    for repeatable in [true, false] {
        let dead = fixture.put_dead(keyed("k")).await?;
        let other = fixture.put_dead(keyed("K")).await?;
        fixture.put(NewEntry { repeatable, ..keyed("k") }).await?;
        let claimed = fixture.claim_one().await?;
        let newer = fixture.put_dead(keyed("k")).await?;
        fixture.pass(LEASE);
        same("before it is taken", mark(fixture, dead).await?, None)?;
        same("the lost", fixture.turn(turn(0)).await?.reclaimed_leases, 1)?;
        same("an older one", mark(fixture, dead).await?, Some(Overtaken::Possibly))?;
        same("a newer one", mark(fixture, newer).await?, None)?;
        same("one of another key", mark(fixture, other).await?, None)?;
        same("itself", mark(fixture, claimed.entry.id).await?, None)?;
        same("its end, too late", fixture.settle(&claimed, End::Done).await?, Settled::Fenced)?;
        same("an older one, after that", mark(fixture, dead).await?, Some(Overtaken::Possibly))?;
        if repeatable {
            fixture.end(End::Dead(Reason::Rejected)).await?;
        }
        fixture.store().purge(Purge::All).await?;
    }
    Ok(())
}

pub(crate) async fn a_settlement_that_is_sent_again_overtakes_nothing_more(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let dead = fixture.put(keyed("k")).await?;
    let waiting = fixture.put(keyed("k")).await?;
    fixture.store().change(dead, Change::DeadLetter).await?;
    let claimed = fixture.claim_one().await?;
    same("what was claimed", claimed.entry.id, waiting)?;
    fixture.store().change(dead, OVERWRITE).await?;
    same("one that was put back over it", mark(fixture, dead).await?, Some(Overtaken::Possibly))?;
    same("its end", fixture.settle(&claimed, End::Done).await?, Settled::Applied)?;
    fixture.end(End::Dead(Reason::Rejected)).await?;
    same("its end again", fixture.settle(&claimed, End::Done).await?, Settled::Applied)?;
    same("that one, dead again", mark(fixture, dead).await?, Some(Overtaken::Possibly))
}

pub(crate) async fn a_call_overtakes_all_dead_letters_of_its_key(fixture: &Fixture<'_>) -> ScenarioResult {
    let mut ids = Vec::new();
    for new in [keyed("k"), keyed("k"), keyed("K"), NewEntry { queue: queue("other"), ..keyed("k") }, entry()]
    {
        ids.push(fixture.put_dead(new).await?);
    }
    ids.push(fixture.put(keyed("k")).await?);
    let marks = || async {
        let mut marks = Vec::new();
        for id in &ids {
            marks.push(mark(fixture, *id).await?);
        }
        Ok::<_, Fault>(marks)
    };
    let only_first = |overtaken| vec![Some(overtaken), Some(overtaken), None, None, None, None];
    same("how many of a possible one", overtake(fixture, Overtaken::Possibly).await?, 2)?;
    same("their marks", marks().await?, only_first(Overtaken::Possibly))?;
    same("how many of the same again", overtake(fixture, Overtaken::Possibly).await?, 0)?;
    same("how many of a certain one", overtake(fixture, Overtaken::Certainly).await?, 2)?;
    same("how many of a possible one after that", overtake(fixture, Overtaken::Possibly).await?, 0)?;
    same("their marks, which are never less certain", marks().await?, only_first(Overtaken::Certainly))
}

pub(crate) async fn a_mark_stays_whatever_happens(fixture: &Fixture<'_>) -> ScenarioResult {
    let dead = fixture.put_dead(keyed("k")).await?;
    let newer = fixture.put(keyed("k")).await?;
    fixture.end(End::Done).await?;
    fixture.pass(seconds(1));
    same("how many are pruned", fixture.store().prune(seconds(0), 10).await?, 1)?;
    same("whether the newer one is there", fixture.store().entry(newer).await?, None)?;
    let certainly = Some(Overtaken::Certainly);
    same("when the newer one is pruned", mark(fixture, dead).await?, certainly)?;
    let edit = Change::Edit { on: 1, request: Box::new(request()) };
    same("when it is edited", fixture.store().change(dead, edit).await?.overtaken, certainly)?;
    same("when it is replayed", fixture.store().change(dead, OVERWRITE).await?.overtaken, certainly)?;
    let claimed = fixture.claim_one().await?;
    same("when it is claimed", claimed.entry.overtaken, certainly)?;
    fixture.settle(&claimed, End::Dead(Reason::Rejected)).await?;
    same("when it has died again", mark(fixture, dead).await?, certainly)?;
    let job = fixture.store().replay(Filter::default(), 1.0, WhenOvertaken::Overwrite).await?;
    fixture.store().cancel_replay(job.id).await?;
    same("when its replay is called off", mark(fixture, dead).await?, certainly)?;
    let listed = fixture.store().list(Filter::default(), None, 10).await?.entries;
    same("in the list", only("entries", listed)?.overtaken, certainly)
}

pub(crate) async fn the_state_of_a_key_reports_pending_entries_and_dead_letters(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let (Ok(key), Ok(other)) = (OrderKey::new("k"), OrderKey::new("K")) else { return Ok(()) };
    let (default, elsewhere) = (QueueName::default(), queue("other"));
    let state_is = |what: &'static str, pending: bool, dead: bool| {
        let (default, key) = (&default, &key);
        async move {
            let found = fixture.store().key_state(default, key).await?;
            same(what, found, KeyState { pending, dead })
        }
    };
    state_is("at first", false, false).await?;
    fixture.put_dead(entry()).await?;
    fixture.put(keyed("k")).await?;
    state_is("with one that waits", true, false).await?;
    let id = fixture.end(End::Dead(Reason::Rejected)).await?;
    state_is("with a dead letter", false, true).await?;
    fixture.put(keyed("k")).await?;
    state_is("with both", true, true).await?;
    let claimed = fixture.claim_one().await?;
    state_is("with one that is leased", true, true).await?;
    for (queue, key) in [(&default, &other), (&elsewhere, &key)] {
        same("elsewhere", fixture.store().key_state(queue, key).await?, KeyState::default())?;
    }
    fixture.settle(&claimed, End::Done).await?;
    state_is("with one that is overtaken", false, true).await?;
    fixture.store().change(id, OVERWRITE).await?;
    state_is("with one that was put back", true, false).await?;
    fixture.end(End::Done).await?;
    state_is("with none but what is done", false, false).await
}
