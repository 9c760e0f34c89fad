use std::time::Duration;

use tokio::sync::watch;

use super::super::{
    check::fault,
    fixture::{Fixture, LEASE, entry, keyed, seconds, turn},
    violation::{Fault, ScenarioResult},
};
use martello_outbox::{
    Change, Filter, NewEntry, QueueName, Reason, WhenOvertaken, WhenPending,
    store::{End, Turn, Watch},
};

/// A second is what is promised, and the rest is for a machine that is busy.
const SOON: Duration = Duration::from_secs(5);

struct Watched<'a> {
    what: Watch,
    changes: [(&'a str, watch::Receiver<u64>); 2],
}

impl<'a> Watched<'a> {
    fn new(fixture: &Fixture<'a>, what: Watch) -> Self {
        let [first, second] = &fixture.stores;
        Self { what, changes: [("this store", first.watch(what)), ("another", second.watch(what))] }
    }

    /// Forgets earlier notifications.
    fn rest(&mut self) {
        for (_, ear) in &mut self.changes {
            ear.mark_unchanged();
        }
    }

    async fn hear(&mut self, of: &str) -> ScenarioResult {
        for (whose, ear) in &mut self.changes {
            match tokio::time::timeout(SOON, ear.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return fault(format!("the channel of {whose} is closed")),
                Err(_) => {
                    return fault(format!("{of}: {whose} did not tell {:?} within {SOON:?}", self.what));
                }
            }
        }
        Ok(())
    }
}

/// Runs these operations one after the other, and expects a notification after each.
macro_rules! notified {
    ($changes:expr, $($what:literal: $operation:expr);+ $(;)?) => {
        $($changes.rest();
        let _ = $operation;
        $changes.hear($what).await?;)+
    };
}

pub(crate) async fn a_change_that_makes_an_entry_claimable_notifies(fixture: &Fixture<'_>) -> ScenarioResult {
    let default = QueueName::default();
    let mut changes = Watched::new(fixture, Watch::Ready);
    let [store, _] = &fixture.stores;
    notified!(changes,
        "stored": store.enqueue(vec![keyed("k"), keyed("k"), keyed("k")]).await?;
        "put off": fixture.end(End::Again { wait: seconds(0), counts: true }).await?;
        "given back": fixture.end(End::GiveBack).await?;
        "the end of another of its key": fixture.end(End::Done).await?;
        "the death of another of its key": fixture.end(End::Dead(Reason::Rejected)).await?;
        "replayed": store.replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    );
    store.pause(&default, "the scenario").await?;
    notified!(changes, "resumed": store.resume(&default).await?);
    let claimed = fixture.claim_one().await?;
    fixture.settle(&claimed, End::Dead(Reason::Rejected)).await?;
    notified!(changes,
        "replayed singly": store.change(claimed.entry.id, Change::Replay(WhenOvertaken::Refuse)).await?;
        "another of its key cancelled": store.change(claimed.entry.id, Change::Cancel).await?;
    );
    fixture.claim_one().await?;
    fixture.pass(LEASE);
    notified!(changes,
        "taken from a worker": store.turn(turn(0)).await?;
    );
    Ok(())
}

pub(crate) async fn an_end_notifies(fixture: &Fixture<'_>) -> ScenarioResult {
    let [store, _] = &fixture.stores;
    let mut changes = Watched::new(fixture, Watch::Ended);
    let ids = fixture.put_some(4).await?;
    let [done, _, cancelled, dead_lettered] = ids.as_slice() else { return Ok(()) };
    notified!(changes,
        "cancelled": store.change(*cancelled, Change::Cancel).await?;
        "dead_lettered": store.change(*dead_lettered, Change::DeadLetter).await?;
    );
    let claimed = fixture.claim(2).await?;
    for claimed in &claimed {
        let end = if claimed.entry.id == *done { End::Done } else { End::Dead(Reason::Rejected) };
        let settle = vec![super::super::fixture::settlement(claimed, end, fixture.now())];
        notified!(changes, "settled": store.turn(Turn { settle, ..turn(0) }).await?);
    }
    let waits = keyed("k");
    let newest = NewEntry { when_pending: WhenPending::Supersede, expires_in: seconds(5), ..keyed("k") };
    store.enqueue(vec![waits]).await?;
    notified!(changes,
        "superseded": store.enqueue(vec![newest]).await?;
        "stored as a dead letter": fixture.put_dead(entry()).await?;
    );
    fixture.pass(seconds(5));
    notified!(changes, "expired": store.turn(turn(0)).await?);
    fixture.put(NewEntry { repeatable: false, ..entry() }).await?;
    fixture.claim_one().await?;
    fixture.pass(LEASE);
    notified!(changes, "lost": store.turn(turn(0)).await?);
    let job = store.replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await.map_err(Fault::from)?;
    notified!(changes, "returned": store.cancel_replay(job.id).await?);
    Ok(())
}
