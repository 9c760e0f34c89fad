use super::super::{
    check::{only, same},
    stage::{Stage, entry, keyed, queue, turn},
    violation::{Fault, Played},
};
use crate::{Change, End, EntryId, NewEntry, Overtaken, Reason, Settled, Turn, WhenOvertaken};

async fn mark(stage: &Stage<'_>, id: EntryId) -> Result<Option<Overtaken>, Fault> {
    let found = stage.entry(id).await?.overtaken;
    same("what the detail says of it", stage.detail(id).await?.entry.overtaken, found)?;
    Ok(found)
}

pub(in super::super) async fn an_entry_is_overtaken_when_a_newer_one_of_its_key_is_done(
    stage: &Stage<'_>,
) -> Played {
    let older = stage.put_dead(keyed("k")).await?;
    let id = stage.put(keyed("k")).await?;
    stage.end(End::Dead(Reason::Rejected)).await?;
    let keyless = stage.put_dead(entry()).await?;
    for new in [entry(), keyed("K")] {
        stage.put(new).await?;
        stage.end(End::Done).await?;
    }
    let elsewhere = NewEntry { queue: queue("other"), ..keyed("k") };
    stage.put(elsewhere).await?;
    let other = || Turn { queue: queue("other"), ..turn(1) };
    let claimed = only("claims of the other queue", stage.turn(other()).await?.claimed)?;
    same("its end", stage.settle(&claimed, End::Done).await?, Settled::Applied)?;
    for id in [id, keyless] {
        same("what others did", mark(stage, id).await?, None)?;
    }
    stage.store().change(older, Change::Replay(WhenOvertaken::Refuse)).await?;
    same("the older one's end", stage.end(End::Done).await?, older)?;
    same("that an older one is done", mark(stage, id).await?, None)?;
    stage.put(keyed("k")).await?;
    same("that a newer one waits", mark(stage, id).await?, None)?;
    stage.end(End::Done).await?;
    same("that a newer one is done", mark(stage, id).await?, Some(Overtaken::Certainly))?;
    same("that it is done, for one without a key", mark(stage, keyless).await?, None)
}
