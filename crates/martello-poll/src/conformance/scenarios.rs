use std::time::Duration;

use jiff::Timestamp;
use martello_outcome::BoxError;

use super::engine::{Engine, Violation};
use crate::{
    Acquired, Checkpoint, CheckpointErrorKind, CheckpointStore, Delivered, Held, ItemPosition, NewParked,
    Parked, ParkedFilter, ParkedId, Save, Saved,
};

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(400);

/// One test of the suite.
///
/// ```
/// use martello_poll::conformance::{BoxError, Engine, Scenario, check};
///
/// async fn has_one_holder<E: Engine>() -> Result<(), BoxError> {
///     assert!(check::<E>(Scenario::HasOneHolder).await?, "the engine is not available here");
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scenario {
    /// Only one store holds the checkpoint. After a release, another can acquire it.
    HasOneHolder,
    /// The next holder finds exactly what was saved.
    SavesAll,
    /// An expired lease stays with its holder until another store acquires it.
    LeaseExpires,
    /// A store that does not hold the checkpoint cannot save or renew.
    Fences,
    /// An item is parked once. Parked items are listed in their order.
    Parks,
    /// Any store can mark parked items for redelivery and discard them.
    RedeliversAndDiscards,
    /// A save that exceeds the limit of parked items fails, and changes nothing.
    LimitsParked,
}

impl Scenario {
    pub(super) async fn run<E: Engine>(self, engine: &E) -> Result<(), BoxError> {
        let (one, two) = (engine.open().await?, engine.open().await?);
        match self {
            Self::HasOneHolder => has_one_holder(&one, &two).await,
            Self::SavesAll => saves_all(&one, &two).await,
            Self::LeaseExpires if E::LEASES_EXPIRE => lease_expires(&one, &two).await,
            Self::LeaseExpires => lease_expires(&one, &one).await,
            Self::Fences => fences(&one, &two).await,
            Self::Parks => parks(&one, &two).await,
            Self::RedeliversAndDiscards => redelivers_and_discards(&one, &two).await,
            Self::LimitsParked => limits_parked(&one, &two).await,
        }
    }
}

fn ensure(holds: bool, promise: &str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(promise)) }
}

async fn hold(store: &impl CheckpointStore, lease: Duration) -> Result<Held, BoxError> {
    match store.acquire(lease).await? {
        Acquired::Held(held) => Ok(held),
        Acquired::HeldElsewhere => {
            Err(Violation::new("a checkpoint without a holder can be acquired").into())
        }
    }
}

async fn is_held(store: &impl CheckpointStore) -> Result<bool, BoxError> {
    Ok(matches!(store.acquire(LONG).await?, Acquired::HeldElsewhere))
}

fn moment(second: i64) -> Result<Timestamp, BoxError> {
    // Whole microseconds, as a database keeps them.
    Ok(Timestamp::from_microsecond(1_732_874_400_123_456 + second * 1_000_000)?)
}

fn checkpoint(second: i64) -> Result<Checkpoint, BoxError> {
    let keys = ["é\"\n", "a b", "k"].into_iter().zip(0..);
    let delivered = keys
        .map(|(key, later)| Ok(Delivered { stamp: moment(second + later)?, key: key.to_owned() }))
        .collect::<Result<_, BoxError>>()?;
    Ok(Checkpoint {
        source: "a source".to_owned(),
        start: Some(moment(second - 3_600)?),
        watermark: Some(moment(second)?),
        delivered,
    })
}

fn parked(key: &str) -> Result<NewParked, BoxError> {
    Ok(NewParked {
        key: key.to_owned(),
        stamp: if key.is_empty() { None } else { Some(moment(0)?) },
        position: ItemPosition { page: 3, item: 17 },
        json: format!(r#"{{"id": "{key}", "n": 1.50}}"#),
        reason: "no such depot".to_owned(),
        parked_at: moment(9)?,
    })
}

fn save(second: i64, park: Vec<NewParked>, unpark: Vec<ParkedId>) -> Result<Save, BoxError> {
    Ok(Save { checkpoint: checkpoint(second)?, park, unpark })
}

async fn has_one_holder(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let first = hold(one, LONG).await?;
    ensure(first.checkpoint.is_none(), "fresh data has no checkpoint")?;
    ensure(is_held(one).await? && is_held(two).await?, "a held checkpoint cannot be acquired")?;
    ensure(one.renew(first.fence, LONG).await?, "the holder can renew its lease")?;
    one.release(first.fence).await?;
    let second = hold(two, LONG).await?;
    ensure(second.fence != first.fence, "a fence is never used twice")?;
    one.release(first.fence).await?;
    ensure(is_held(one).await?, "a former holder cannot release the checkpoint")?;
    Ok(())
}

async fn saves_all(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let held = hold(one, LONG).await?;
    for second in [1, 2] {
        let saved = one.save(held.fence, save(second, Vec::new(), Vec::new())?).await?;
        ensure(saved == Saved::Saved, "the holder can save")?;
    }
    one.release(held.fence).await?;
    let next = hold(two, LONG).await?;
    ensure(next.checkpoint == Some(checkpoint(2)?), "the next holder finds exactly what was saved last")?;
    Ok(())
}

async fn lease_expires(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let first = hold(one, SHORT).await?;
    tokio::time::sleep(SHORT * 2).await;
    let saved = one.save(first.fence, save(1, Vec::new(), Vec::new())?).await?;
    ensure(saved == Saved::Saved, "an expired lease stays with its holder until another store acquires it")?;
    let second = hold(two, SHORT).await?;
    ensure(second.checkpoint == Some(checkpoint(1)?), "the next holder finds what was saved last")?;
    ensure(!one.renew(first.fence, LONG).await?, "a former holder cannot renew")?;
    let saved = one.save(first.fence, save(2, Vec::new(), Vec::new())?).await?;
    ensure(saved == Saved::Fenced, "the save of a former holder is fenced")?;
    ensure(two.renew(second.fence, LONG).await?, "the holder can renew its lease")?;
    tokio::time::sleep(SHORT * 2).await;
    ensure(is_held(one).await?, "a renewed lease has not expired")?;
    Ok(())
}

async fn fences(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let first = hold(one, LONG).await?;
    one.release(first.fence).await?;
    let saved = one.save(first.fence, save(1, vec![parked("a")?], Vec::new())?).await?;
    ensure(saved == Saved::Fenced, "a store cannot save after a release")?;
    ensure(!one.renew(first.fence, LONG).await?, "a store cannot renew after a release")?;
    let second = hold(two, LONG).await?;
    let saved = one.save(first.fence, save(1, vec![parked("a")?], Vec::new())?).await?;
    ensure(saved == Saved::Fenced, "a former holder cannot save")?;
    ensure(two.parked(ParkedFilter::default()).await?.is_empty(), "a fenced save parks nothing")?;
    two.release(second.fence).await?;
    ensure(hold(one, LONG).await?.checkpoint.is_none(), "a fenced save stores nothing")?;
    Ok(())
}

async fn parks(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let held = hold(one, LONG).await?;
    for _ in 0..2 {
        let _ =
            one.save(held.fence, save(1, vec![parked("a")?, parked("")?, parked("b")?], Vec::new())?).await?;
    }
    let all = two.parked(ParkedFilter::default()).await?;
    let items: Vec<_> = all.iter().map(|parked| parked.item.clone()).collect();
    ensure(
        items == [parked("a")?, parked("")?, parked("b")?],
        "each item is listed once, unchanged, oldest first",
    )?;
    ensure(all.iter().all(|parked| !parked.redeliver), "a parked item is not marked for redelivery")?;
    let first = all.first().map(|parked| parked.id);
    let rest = two.parked(ParkedFilter { after: first, limit: 1, ..ParkedFilter::default() }).await?;
    ensure(rest.first() == all.get(1) && rest.len() == 1, "the filter applies")?;

    // One save unparks an item and parks it again.
    let mut again = parked("a")?;
    again.reason = "still none".to_owned();
    let _ = one.save(held.fence, save(1, vec![again.clone()], first.into_iter().collect())?).await?;
    let all = two.parked(ParkedFilter::default()).await?;
    ensure(all.last().map(|parked| &parked.item) == Some(&again), "a save unparks before it parks")?;
    ensure(all.len() == 3, "a save unparks before it parks")?;
    Ok(())
}

async fn redelivers_and_discards(
    one: &impl CheckpointStore,
    two: &impl CheckpointStore,
) -> Result<(), BoxError> {
    let held = hold(one, LONG).await?;
    let _ = one.save(held.fence, save(1, vec![parked("a")?, parked("b")?], Vec::new())?).await?;
    let ids: Vec<ParkedId> =
        two.parked(ParkedFilter::default()).await?.iter().map(|parked| parked.id).collect();
    let last: Vec<ParkedId> = ids.iter().copied().skip(1).collect();
    let asked = last.iter().copied().chain([ParkedId(1 << 40)]).collect();
    ensure(two.redeliver(asked).await? == 1, "only parked items are marked and counted")?;
    let again = one.parked(ParkedFilter { redeliver: true, ..ParkedFilter::default() }).await?;
    ensure(again.iter().map(|parked| parked.id).eq(last), "marked items are listed as marked")?;
    ensure(two.discard(ids.clone()).await? == 2, "parked items can be discarded")?;
    ensure(two.discard(ids).await? == 0, "a discarded item is deleted")?;
    ensure(one.parked(ParkedFilter::default()).await?.is_empty(), "a discarded item is deleted")?;
    Ok(())
}

async fn limits_parked(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let held = hold(one, LONG).await?;
    let many = (0..Parked::MAX_ITEMS).map(|n| parked(&n.to_string())).collect::<Result<Vec<_>, _>>()?;
    let _ = one.save(held.fence, save(1, many, Vec::new())?).await?;
    let refused = one.save(held.fence, save(2, vec![parked("more")?], Vec::new())?).await;
    let refused = refused.is_err_and(|error| error.kind() == CheckpointErrorKind::Full);
    ensure(refused, "a save that exceeds the limit of parked items fails")?;
    one.release(held.fence).await?;
    let next = hold(two, LONG).await?;
    ensure(next.checkpoint == Some(checkpoint(1)?), "a failed save changes nothing")?;
    Ok(())
}
