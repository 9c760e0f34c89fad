use super::super::{
    check::same,
    stage::{LEASE, Stage, entry, ids, keyed, lease, queue, seconds, turn},
    violation::Played,
};
use martello_outbox::{
    Change, NewEntry, QueueName,
    store::{End, Settled, Turn},
};

pub(in super::super) async fn a_paused_queue_claims_nothing_until_it_is_resumed(stage: &Stage<'_>) -> Played {
    let default = QueueName::default();
    let [leased, waiting] = [stage.put(entry()).await?, stage.put(entry()).await?];
    let claimed = stage.claim(1).await?;
    stage.store().pause(&default, "the API moves on Sunday").await?;
    let there = stage.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    same("claims while paused", ids(&stage.claim(5).await?), Vec::new())?;
    let other = stage.turn(Turn { queue: queue("other"), ..turn(5) }).await?.claimed;
    same("claims of another queue", ids(&other), vec![there])?;
    same(
        "a heartbeat of what is leased",
        stage.store().heartbeat(lease(&claimed), LEASE).await?,
        vec![true],
    )?;
    for claimed in &claimed {
        same("what is leased", claimed.entry.id, leased)?;
        same("its settlement", stage.settle(claimed, End::Done).await?, Settled::Applied)?;
    }
    stage.pass(seconds(3600));
    same("claims an hour later", ids(&stage.claim(5).await?), Vec::new())?;
    same("why", stage.stats(&default).await?.paused.as_deref(), Some("the API moves on Sunday"))?;
    stage.store().pause(&default, "and on 'Monday' é").await?;
    same("why, said again", stage.stats(&default).await?.paused.as_deref(), Some("and on 'Monday' é"))?;
    stage.store().resume(&default).await?;
    same("why, when resumed", stage.stats(&default).await?.paused, None)?;
    same("claims when resumed", ids(&stage.claim(5).await?), vec![waiting])
}

pub(in super::super) async fn a_resume_ends_pause_and_holds(stage: &Stage<'_>) -> Played {
    let default = QueueName::default();
    stage.put(entry()).await?;
    stage.hold(&default, seconds(30)).await?;
    stage.store().pause(&default, "paused").await?;
    stage.store().resume(&queue("other")).await?;
    same("claims when another is resumed", stage.claim(5).await?.len(), 0)?;
    stage.store().resume(&default).await?;
    same("holds", stage.stats(&default).await?.holds, Vec::new())?;
    same("claims when it is", stage.claim(5).await?.len(), 1)?;
    stage.store().resume(&default).await?;
    Ok(())
}

pub(in super::super) async fn queues_are_listed_with_what_is_in_them(stage: &Stage<'_>) -> Played {
    let orders = queue("orders");
    same("an empty store", stage.store().queues().await?, Vec::new())?;
    let ours = |new| NewEntry { queue: queue("orders"), ..new };
    let claim = |many| Turn { queue: queue("orders"), ..turn(many) };
    for _ in 0..3 {
        stage.put(ours(entry())).await?;
    }
    let claimed = stage.turn(claim(3)).await?.claimed;
    for claimed in claimed.iter().take(1) {
        stage.settle(claimed, End::Done).await?;
    }
    stage.put_dead(ours(entry())).await?;
    for _ in 0..4 {
        let id = stage.put(ours(keyed("k"))).await?;
        stage.store().change(id, Change::Cancel).await?;
    }
    stage.put(ours(NewEntry { delay: seconds(10), ..entry() })).await?;
    stage.pass(seconds(9));
    let stats = stage.stats(&orders).await?;
    let counts = [stats.ready, stats.leased, stats.done, stats.dead, stats.cancelled];
    same("ready, leased, done, dead, cancelled", counts, [1, 2, 1, 1, 4])?;
    same("due for", stats.oldest_due, None)?;
    stage.pass(seconds(4));
    stage.put(ours(entry())).await?;
    stage.pass(seconds(1));
    let stats = stage.stats(&orders).await?;
    same("ready, and due for", (stats.ready, stats.oldest_due), (2, Some(seconds(4))))?;
    same("paused and held", (stats.paused, stats.holds), (None, Vec::new()))
}

pub(in super::super) async fn queues_are_listed_by_name_once_they_were_used(stage: &Stage<'_>) -> Played {
    stage.store().pause(&queue("b.paused"), "to see").await?;
    stage.put(NewEntry { queue: queue("c_used"), ..entry() }).await?;
    let claimed = stage.turn(Turn { queue: queue("c_used"), ..turn(1) }).await?.claimed;
    for claimed in &claimed {
        stage.settle(claimed, End::Done).await?;
    }
    stage.pass(seconds(1));
    same("what was pruned", stage.store().prune(seconds(0), 10).await?, 1)?;
    let queues = stage.store().queues().await?;
    let names: Vec<_> = queues.iter().map(|stats| stats.queue.as_str()).collect();
    same("the queues", names, vec!["b.paused", "c_used"])
}
