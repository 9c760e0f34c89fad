use std::time::Duration;

use super::super::{
    check::same,
    stage::{LEASE, Stage, entry, hold, keyed, queue, seconds, turn},
    violation::Played,
};
use martello_outbox::{
    Change, NewEntry,
    store::{End, Turn},
};

async fn next(stage: &Stage<'_>, what: &str, expected: Option<Duration>) -> Played {
    same(what, stage.turn(turn(5)).await?.next, expected)
}

pub(in super::super) async fn the_next_turn_is_at_once_if_there_may_be_more(stage: &Stage<'_>) -> Played {
    stage.put_some(2).await?;
    same("as many claimed as asked for", stage.turn(turn(1)).await?.next, Some(seconds(0)))?;
    same("none asked for", stage.turn(turn(0)).await?.next, Some(seconds(0)))?;
    same("the last one claimed", stage.turn(turn(1)).await?.next, Some(seconds(0)))
}

pub(in super::super) async fn there_is_no_next_turn_where_only_a_change_can_help(
    stage: &Stage<'_>,
) -> Played {
    next(stage, "an empty store", None).await?;
    stage.put_dead(entry()).await?;
    stage.put(NewEntry { queue: queue("other"), delay: seconds(1), ..entry() }).await?;
    next(stage, "a dead letter, and another queue's entry", None).await?;
    stage.put(entry()).await?;
    stage.end(End::Done).await?;
    next(stage, "one that is done", None).await
}

pub(in super::super) async fn the_next_turn_is_when_the_first_head_is_due(stage: &Stage<'_>) -> Played {
    let late = |delay, new| NewEntry { delay: seconds(delay), ..new };
    stage.put(late(30, keyed("k"))).await?;
    stage.put(late(10, keyed("k"))).await?;
    next(stage, "a head that is due later than another of its key", Some(seconds(30))).await?;
    stage.put(late(20, entry())).await?;
    next(stage, "one without a key that is due before", Some(seconds(20))).await?;
    stage.pass(seconds(5));
    next(stage, "that, later", Some(seconds(15))).await
}

pub(in super::super) async fn the_next_turn_is_when_the_first_lease_runs_out(stage: &Stage<'_>) -> Played {
    stage.put(keyed("k")).await?;
    stage.put(keyed("k")).await?;
    let leased = stage.turn(Turn { lease_duration: seconds(40), ..turn(1) }).await?.claimed;
    next(stage, "a key whose head is leased", Some(seconds(40))).await?;
    let leases = super::super::stage::lease(&leased);
    stage.store().heartbeat(leases, seconds(70)).await?;
    next(stage, "that, prolonged", Some(seconds(70))).await?;
    stage.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    stage.turn(Turn { queue: queue("other"), lease_duration: seconds(1), ..turn(1) }).await?;
    next(stage, "that, and a lease of another queue", Some(seconds(70))).await
}

pub(in super::super) async fn the_next_turn_is_when_the_first_entry_expires(stage: &Stage<'_>) -> Played {
    stage.put(entry()).await?;
    let held = stage.hold(&turn(0).queue, seconds(60)).await?;
    stage.store().change(held, Change::Cancel).await?;
    stage.put(NewEntry { delay: seconds(30), ..keyed("k") }).await?;
    stage.put(NewEntry { expires_in: seconds(20), ..keyed("k") }).await?;
    next(stage, "one that is not the head, held", Some(seconds(20))).await?;
    stage.store().pause(&turn(0).queue, "to see").await?;
    next(stage, "that, paused", Some(seconds(20))).await?;
    stage.store().resume(&turn(0).queue).await?;
    next(stage, "that, resumed", Some(seconds(20))).await
}

pub(in super::super) async fn under_a_full_cap_the_next_turn_is_when_a_lease_runs_out(
    stage: &Stage<'_>,
) -> Played {
    stage.put_some(3).await?;
    stage.put(NewEntry { delay: seconds(10), ..entry() }).await?;
    let claimed = stage.turn(Turn { cap: 2, ..turn(2) }).await?.claimed;
    let full = || Turn { cap: 2, ..turn(5) };
    same("with entries that are due now and soon", stage.turn(full()).await?.next, Some(LEASE))?;
    for claimed in claimed.iter().take(1) {
        stage.settle_with(claimed, End::GiveBack, hold(0, seconds(5))).await?;
    }
    let full = || Turn { cap: 1, ..turn(5) };
    same("with a hold that ends before", stage.turn(full()).await?.next, Some(LEASE))
}

pub(in super::super) async fn a_pause_has_no_next_turn_and_a_hold_has_its_end(stage: &Stage<'_>) -> Played {
    let default = turn(0).queue;
    stage.put(entry()).await?;
    stage.put(NewEntry { delay: seconds(10), ..entry() }).await?;
    stage.hold(&default, seconds(30)).await?;
    next(stage, "held", Some(seconds(30))).await?;
    stage.pass(seconds(5));
    next(stage, "held, later", Some(seconds(25))).await?;
    stage.store().pause(&default, "to see").await?;
    same("paused", stage.turn(turn(5)).await?.next, Some(NewEntry::EXPIRES_IN - seconds(5)))?;
    stage.store().resume(&default).await?;
    same("claims when it is resumed", stage.claim(5).await?.len(), 1)?;
    next(stage, "resumed", Some(seconds(5))).await
}
