use super::super::{
    check::same,
    fixture::{Fixture, LEASE, entry, ids, keyed, lease, queue, seconds, turn},
    violation::ScenarioResult,
};
use martello_outbox::{
    Change, NewEntry, QueueName,
    store::{End, Settled, Turn},
};

pub(crate) async fn a_paused_queue_claims_nothing_until_it_is_resumed(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let default = QueueName::default();
    let [leased, waiting] = [fixture.put(entry()).await?, fixture.put(entry()).await?];
    let claimed = fixture.claim(1).await?;
    fixture.store().pause(&default, "the API moves on Sunday").await?;
    let there = fixture.put(NewEntry { queue: queue("other"), ..entry() }).await?;
    same("claims while paused", ids(&fixture.claim(5).await?), Vec::new())?;
    let other = fixture.turn(Turn { queue: queue("other"), ..turn(5) }).await?.claimed;
    same("claims of another queue", ids(&other), vec![there])?;
    same(
        "a heartbeat of what is leased",
        fixture.store().heartbeat(lease(&claimed), LEASE).await?,
        vec![true],
    )?;
    for claimed in &claimed {
        same("what is leased", claimed.entry.id, leased)?;
        same("its settlement", fixture.settle(claimed, End::Done).await?, Settled::Applied)?;
    }
    fixture.pass(seconds(3600));
    same("claims an hour later", ids(&fixture.claim(5).await?), Vec::new())?;
    same("why", fixture.stats(&default).await?.paused.as_deref(), Some("the API moves on Sunday"))?;
    fixture.store().pause(&default, "and on 'Monday' é").await?;
    same("why, said again", fixture.stats(&default).await?.paused.as_deref(), Some("and on 'Monday' é"))?;
    fixture.store().resume(&default).await?;
    same("why, when resumed", fixture.stats(&default).await?.paused, None)?;
    same("claims when resumed", ids(&fixture.claim(5).await?), vec![waiting])
}

pub(crate) async fn a_resume_ends_pause_and_holds(fixture: &Fixture<'_>) -> ScenarioResult {
    let default = QueueName::default();
    fixture.put(entry()).await?;
    fixture.hold(&default, seconds(30)).await?;
    fixture.store().pause(&default, "paused").await?;
    fixture.store().resume(&queue("other")).await?;
    same("claims when another is resumed", fixture.claim(5).await?.len(), 0)?;
    fixture.store().resume(&default).await?;
    same("holds", fixture.stats(&default).await?.holds, Vec::new())?;
    same("claims when it is", fixture.claim(5).await?.len(), 1)?;
    fixture.store().resume(&default).await?;
    Ok(())
}

pub(crate) async fn queues_are_listed_with_what_is_in_them(fixture: &Fixture<'_>) -> ScenarioResult {
    let orders = queue("orders");
    same("an empty store", fixture.store().queues().await?, Vec::new())?;
    let ours = |new| NewEntry { queue: queue("orders"), ..new };
    let claim = |many| Turn { queue: queue("orders"), ..turn(many) };
    for _ in 0..3 {
        fixture.put(ours(entry())).await?;
    }
    let claimed = fixture.turn(claim(3)).await?.claimed;
    for claimed in claimed.iter().take(1) {
        fixture.settle(claimed, End::Done).await?;
    }
    fixture.put_dead(ours(entry())).await?;
    for _ in 0..4 {
        let id = fixture.put(ours(keyed("k"))).await?;
        fixture.store().change(id, Change::Cancel).await?;
    }
    fixture.put(ours(NewEntry { delay: seconds(10), ..entry() })).await?;
    fixture.pass(seconds(9));
    let stats = fixture.stats(&orders).await?;
    let counts = [stats.ready, stats.leased, stats.done, stats.dead, stats.cancelled];
    same("ready, leased, done, dead, cancelled", counts, [1, 2, 1, 1, 4])?;
    same("due for", stats.oldest_due, None)?;
    fixture.pass(seconds(4));
    fixture.put(ours(entry())).await?;
    fixture.pass(seconds(1));
    let stats = fixture.stats(&orders).await?;
    same("ready, and due for", (stats.ready, stats.oldest_due), (2, Some(seconds(4))))?;
    same("paused and held", (stats.paused, stats.holds), (None, Vec::new()))
}

pub(crate) async fn queues_are_listed_by_name_once_they_were_used(fixture: &Fixture<'_>) -> ScenarioResult {
    fixture.store().pause(&queue("b.paused"), "to see").await?;
    fixture.put(NewEntry { queue: queue("c_used"), ..entry() }).await?;
    let claimed = fixture.turn(Turn { queue: queue("c_used"), ..turn(1) }).await?.claimed;
    for claimed in &claimed {
        fixture.settle(claimed, End::Done).await?;
    }
    fixture.pass(seconds(1));
    same("what was pruned", fixture.store().prune(seconds(0), 10).await?, 1)?;
    let queues = fixture.store().queues().await?;
    let names: Vec<_> = queues.iter().map(|stats| stats.queue.as_str()).collect();
    same("the queues", names, vec!["b.paused", "c_used"])
}
