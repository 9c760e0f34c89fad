use std::time::Duration;

use tokio::sync::watch;

use super::super::{
    check::fault,
    stage::{LEASE, Stage, entry, keyed, seconds, turn},
    violation::{Fault, Played},
};
use martello_outbox::{
    Change, Filter, NewEntry, QueueName, Reason, WhenOvertaken, WhenPending,
    store::{End, Turn, Watch},
};

/// A second is what is promised, and the rest is for a machine that is busy.
const SOON: Duration = Duration::from_secs(5);

struct Ears<'a> {
    what: Watch,
    ears: [(&'a str, watch::Receiver<u64>); 2],
}

impl<'a> Ears<'a> {
    fn new(stage: &Stage<'a>, what: Watch) -> Self {
        let [first, second] = &stage.stores;
        Self { what, ears: [("this store", first.watch(what)), ("another", second.watch(what))] }
    }

    /// Forgets what was told before.
    fn rest(&mut self) {
        for (_, ear) in &mut self.ears {
            ear.mark_unchanged();
        }
    }

    async fn hear(&mut self, of: &str) -> Played {
        for (whose, ear) in &mut self.ears {
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

/// Does these things one after the other, and wants each to be told.
macro_rules! told {
    ($ears:expr, $($what:literal: $act:expr);+ $(;)?) => {
        $($ears.rest();
        let _ = $act;
        $ears.hear($what).await?;)+
    };
}

pub(in super::super) async fn what_becomes_claimable_is_told(stage: &Stage<'_>) -> Played {
    let default = QueueName::default();
    let mut ears = Ears::new(stage, Watch::Ready);
    let [store, _] = &stage.stores;
    told!(ears,
        "stored": store.enqueue(vec![keyed("k"), keyed("k"), keyed("k")]).await?;
        "put off": stage.end(End::Again { after: seconds(0), counts: true }).await?;
        "given back": stage.end(End::GiveBack).await?;
        "the end of another of its key": stage.end(End::Done).await?;
        "the death of another of its key": stage.end(End::Dead(Reason::Rejected)).await?;
        "replayed": store.replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await?;
    );
    store.pause(&default, "the scenario").await?;
    told!(ears, "resumed": store.resume(&default).await?);
    let claimed = stage.claim_one().await?;
    stage.settle(&claimed, End::Dead(Reason::Rejected)).await?;
    told!(ears,
        "replayed singly": store.change(claimed.entry.id, Change::Replay(WhenOvertaken::Refuse)).await?;
        "another of its key cancelled": store.change(claimed.entry.id, Change::Cancel).await?;
    );
    stage.claim_one().await?;
    stage.pass(LEASE);
    told!(ears,
        "taken from a worker": store.turn(turn(0)).await?;
    );
    Ok(())
}

pub(in super::super) async fn what_comes_to_an_end_is_told(stage: &Stage<'_>) -> Played {
    let [store, _] = &stage.stores;
    let mut ears = Ears::new(stage, Watch::Ended);
    let ids = stage.put_some(4).await?;
    let [done, _, cancelled, buried] = ids.as_slice() else { return Ok(()) };
    told!(ears,
        "cancelled": store.change(*cancelled, Change::Cancel).await?;
        "buried": store.change(*buried, Change::DeadLetter).await?;
    );
    let claimed = stage.claim(2).await?;
    for claimed in &claimed {
        let end = if claimed.entry.id == *done { End::Done } else { End::Dead(Reason::Rejected) };
        let settle = vec![super::super::stage::settlement(claimed, end, stage.now())];
        told!(ears, "settled": store.turn(Turn { settle, ..turn(0) }).await?);
    }
    let waits = keyed("k");
    let newest = NewEntry { when_pending: WhenPending::Supersede, expires_in: seconds(5), ..keyed("k") };
    store.enqueue(vec![waits]).await?;
    told!(ears,
        "superseded": store.enqueue(vec![newest]).await?;
        "dead at the door": stage.put_dead(entry()).await?;
    );
    stage.pass(seconds(5));
    told!(ears, "expired": store.turn(turn(0)).await?);
    stage.put(NewEntry { repeatable: false, ..entry() }).await?;
    stage.claim_one().await?;
    stage.pass(LEASE);
    told!(ears, "lost": store.turn(turn(0)).await?);
    let job = store.replay(Filter::default(), 1.0, WhenOvertaken::Refuse).await.map_err(Fault::from)?;
    told!(ears, "returned": store.cancel_replay(job.id).await?);
    Ok(())
}
