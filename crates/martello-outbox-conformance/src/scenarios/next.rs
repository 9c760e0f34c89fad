use std::time::Duration;

use super::super::{
    check::same,
    fixture::{Fixture, LEASE, entry, hold, keyed, queue, seconds, turn},
    violation::ScenarioResult,
};
use martello_outbox::{
    Change, NewEntry,
    store::{End, Turn},
};

async fn next(fixture: &Fixture<'_>, what: &str, expected: Option<Duration>) -> ScenarioResult {
    same(what, fixture.turn(turn(5)).await?.next, expected)
}

pub(crate) async fn the_next_turn_is_at_once_if_there_may_be_more(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put_some(2).await?;
    same("as many claimed as asked for", fixture.turn(turn(1)).await?.next, Some(seconds(0)))?;
    same("none asked for", fixture.turn(turn(0)).await?.next, Some(seconds(0)))?;
    same("the last one claimed", fixture.turn(turn(1)).await?.next, Some(seconds(0)))
}

pub(crate) async fn there_is_no_next_turn_where_only_a_change_can_help(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    next(fixture, "an empty store", None).await?;
    fixture.put_dead(entry()).await?;
    fixture.put(NewEntry { queue: queue("other"), delay: seconds(1), ..entry() }).await?;
    next(fixture, "a dead letter, and another queue's entry", None).await?;
    fixture.put(entry()).await?;
    fixture.end(End::Done).await?;
    next(fixture, "one that is done", None).await
}

pub(crate) async fn the_next_turn_is_when_the_first_head_is_due(fixture: &Fixture<'_>) -> ScenarioResult {
    let late = |delay, new| NewEntry { delay: seconds(delay), ..new };
    fixture.put(late(30, keyed("k"))).await?;
    fixture.put(late(10, keyed("k"))).await?;
    next(fixture, "a head that is due later than another of its key", Some(seconds(30))).await?;
    fixture.put(late(20, entry())).await?;
    next(fixture, "one without a key that is due before", Some(seconds(20))).await?;
    fixture.pass(seconds(5));
    next(fixture, "that, later", Some(seconds(15))).await
}

pub(crate) async fn the_next_turn_is_when_the_first_lease_runs_out(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put(keyed("k")).await?;
    fixture.put(keyed("k")).await?;
    let leased = fixture.turn(Turn { lease_duration: seconds(40), ..turn(1) }).await?.claimed;
    next(fixture, "a key whose head is leased", Some(seconds(40))).await?;
    let leases = super::super::fixture::lease(&leased);
    fixture.store().heartbeat(leases, seconds(70)).await?;
    next(fixture, "that, prolonged", Some(seconds(70))).await?;
    fixture.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    fixture.turn(Turn { queue: queue("other"), lease_duration: seconds(1), ..turn(1) }).await?;
    next(fixture, "that, and a lease of another queue", Some(seconds(70))).await
}

pub(crate) async fn the_next_turn_is_when_the_first_entry_expires(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.put(entry()).await?;
    let held = fixture.hold(&turn(0).queue, seconds(60)).await?;
    fixture.store().change(held, Change::Cancel).await?;
    fixture.put(NewEntry { delay: seconds(30), ..keyed("k") }).await?;
    fixture.put(NewEntry { expires_in: seconds(20), ..keyed("k") }).await?;
    next(fixture, "one that is not the head, held", Some(seconds(20))).await?;
    fixture.store().pause(&turn(0).queue, "to see").await?;
    next(fixture, "that, paused", Some(seconds(20))).await?;
    fixture.store().resume(&turn(0).queue).await?;
    next(fixture, "that, resumed", Some(seconds(20))).await
}

pub(crate) async fn under_a_full_cap_the_next_turn_is_when_a_lease_runs_out(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    fixture.put_some(3).await?;
    fixture.put(NewEntry { delay: seconds(10), ..entry() }).await?;
    let claimed = fixture.turn(Turn { cap: 2, ..turn(2) }).await?.claimed;
    let full = || Turn { cap: 2, ..turn(5) };
    same("with entries that are due now and soon", fixture.turn(full()).await?.next, Some(LEASE))?;
    for claimed in claimed.iter().take(1) {
        fixture.settle_with(claimed, End::GiveBack, hold(0, seconds(5))).await?;
    }
    let full = || Turn { cap: 1, ..turn(5) };
    same("with a hold that ends before", fixture.turn(full()).await?.next, Some(LEASE))
}

pub(crate) async fn a_pause_has_no_next_turn_and_a_hold_has_its_end(fixture: &Fixture<'_>) -> ScenarioResult {
    let default = turn(0).queue;
    fixture.put(entry()).await?;
    fixture.put(NewEntry { delay: seconds(10), ..entry() }).await?;
    fixture.hold(&default, seconds(30)).await?;
    next(fixture, "held", Some(seconds(30))).await?;
    fixture.pass(seconds(5));
    next(fixture, "held, later", Some(seconds(25))).await?;
    fixture.store().pause(&default, "to see").await?;
    same("paused", fixture.turn(turn(5)).await?.next, Some(NewEntry::EXPIRES_IN - seconds(5)))?;
    fixture.store().resume(&default).await?;
    same("claims when it is resumed", fixture.claim(5).await?.len(), 1)?;
    next(fixture, "resumed", Some(seconds(5))).await
}
