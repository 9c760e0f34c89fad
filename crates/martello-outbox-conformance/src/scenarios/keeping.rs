use std::{future::poll_fn, pin::pin, task::Poll};

use super::super::{
    check::{holds, same},
    stage::{LEASE, Stage, keyed, queue, seconds, turn},
    violation::Played,
};
use martello_outbox::{
    Change, Check, Filter, NewEntry, Reason, WhenOvertaken,
    store::{End, Settled},
};

pub(in super::super) async fn what_was_acknowledged_is_there_for_whoever_opens_the_store_next(
    stage: &Stage<'_>,
) -> Played {
    stage.put(NewEntry { attempts: super::enqueueing::at_the_door(), ..keyed("k") }).await?;
    stage.end(End::Dead(Reason::Rejected)).await?;
    stage.put_some(2).await?;
    let claimed = stage.claim(1).await?;
    stage.hold(&queue("default"), seconds(9)).await?;
    stage.store().replay(Filter::default(), 0.5, WhenOvertaken::Refuse).await?;
    stage.store().pause(&queue("other"), "to see").await?;
    let third = stage.open().await?;
    same("the queues", third.queues().await?, stage.store().queues().await?)?;
    same("the replays", third.replays().await?, stage.store().replays().await?)?;
    let list = third.list(Filter::default(), None, 10).await?;
    same("the list", &list, &stage.store().list(Filter::default(), None, 10).await?)?;
    for entry in list.entries {
        same("an entry", third.detail(entry.id).await?, stage.store().detail(entry.id).await?)?;
    }
    for claimed in &claimed {
        let settle = vec![super::super::stage::settlement(claimed, End::Done, stage.now())];
        let turned = third.turn(martello_outbox::store::Turn { settle, ..turn(0) }).await?;
        same("a lease of before", turned.settled, vec![Settled::Applied])?;
    }
    drop(third);
    same("what the others see of it", stage.stats(&queue("default")).await?.done, 1)
}

pub(in super::super) async fn an_operation_that_is_dropped_takes_place_whole_or_not(
    stage: &Stage<'_>,
) -> Played {
    let key = |polls: usize| format!("{polls} polls");
    for polls in 0..20 {
        let mut operation = pin!(stage.store().enqueue((0..5).map(|_| keyed(&key(polls))).collect()));
        for _ in 0..polls {
            if poll_fn(|cx| Poll::Ready(operation.as_mut().poll(cx).is_ready())).await {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    // What comes after waits for whatever the engine has still begun.
    stage.put_some(2).await?;
    for polls in 0..20 {
        let filter = Filter { order_key: keyed(&key(polls)).order_key, ..Filter::default() };
        let stored = stage.store().count(filter).await?;
        holds("all five entries are stored or none", stored == 0 || stored == 5)?;
    }
    Ok(())
}

pub(in super::super) async fn a_health_check_finds_leases_that_have_run_out(stage: &Stage<'_>) -> Played {
    let failed = |checks: Vec<Check>| checks.into_iter().filter(|check| !check.passed).count();
    stage.put_some(2).await?;
    let id = stage.claim(1).await?.first().map(|claimed| claimed.entry.id);
    let before = stage.store().check_health().await?;
    holds("at least one check was made", !before.is_empty())?;
    stage.pass(LEASE);
    let late = failed(stage.store().check_health().await?);
    holds("a lease that has run out is found", late > failed(before))?;
    stage.turn(turn(0)).await?;
    holds("one that was taken is not", failed(stage.store().check_health().await?) < late)?;
    if let Some(id) = id {
        stage.store().change(id, Change::Cancel).await?;
    }
    Ok(())
}
