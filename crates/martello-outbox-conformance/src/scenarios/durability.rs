use std::{future::poll_fn, pin::pin, task::Poll};

use super::super::{
    check::{holds, same},
    fixture::{Fixture, LEASE, keyed, queue, seconds, turn},
    violation::ScenarioResult,
};
use martello_outbox::{
    Change, Check, Filter, NewEntry, Reason, WhenOvertaken,
    store::{End, Settled},
};

pub(crate) async fn what_was_acknowledged_is_there_when_the_store_is_opened_again(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    fixture.put(NewEntry { attempts: super::enqueueing::layer_attempts(), ..keyed("k") }).await?;
    fixture.end(End::Dead(Reason::Rejected)).await?;
    fixture.put_some(2).await?;
    let claimed = fixture.claim(1).await?;
    fixture.hold(&queue("default"), seconds(9)).await?;
    fixture.store().replay(Filter::default(), 0.5, WhenOvertaken::Refuse).await?;
    fixture.store().pause(&queue("other"), "to see").await?;
    let third = fixture.open().await?;
    same("the queues", third.queues().await?, fixture.store().queues().await?)?;
    same("the replays", third.replays().await?, fixture.store().replays().await?)?;
    let list = third.list(Filter::default(), None, 10).await?;
    same("the list", &list, &fixture.store().list(Filter::default(), None, 10).await?)?;
    for entry in list.entries {
        same("an entry", third.detail(entry.id).await?, fixture.store().detail(entry.id).await?)?;
    }
    for claimed in &claimed {
        let settle = vec![super::super::fixture::settlement(claimed, End::Done, fixture.now())];
        let turned = third.turn(martello_outbox::store::Turn { settle, ..turn(0) }).await?;
        same("a lease of before", turned.settled, vec![Settled::Applied])?;
    }
    drop(third);
    same("what the others see of it", fixture.stats(&queue("default")).await?.done, 1)
}

pub(crate) async fn an_operation_that_is_dropped_takes_place_whole_or_not(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let key = |polls: usize| format!("{polls} polls");
    for polls in 0..20 {
        let mut operation = pin!(fixture.store().enqueue((0..5).map(|_| keyed(&key(polls))).collect()));
        for _ in 0..polls {
            if poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx).is_ready())).await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    // What comes after waits for whatever the engine has still begun.
    fixture.put_some(2).await?;
    for polls in 0..20 {
        let filter = Filter { order_key: keyed(&key(polls)).order_key, ..Filter::default() };
        let stored = fixture.store().count(filter).await?;
        holds("all five entries are stored or none", stored == 0 || stored == 5)?;
    }
    Ok(())
}

pub(crate) async fn a_health_check_finds_leases_that_have_run_out(fixture: &Fixture<'_>) -> ScenarioResult {
    let failed = |checks: Vec<Check>| checks.into_iter().filter(|check| !check.passed).count();
    fixture.put_some(2).await?;
    let id = fixture.claim(1).await?.first().map(|claimed| claimed.entry.id);
    let before = fixture.store().check_health().await?;
    holds("at least one check was made", !before.is_empty())?;
    fixture.pass(LEASE);
    let late = failed(fixture.store().check_health().await?);
    holds("a lease that has run out is found", late > failed(before))?;
    fixture.turn(turn(0)).await?;
    holds("one that was taken is not", failed(fixture.store().check_health().await?) < late)?;
    if let Some(id) = id {
        fixture.store().change(id, Change::Cancel).await?;
    }
    Ok(())
}
