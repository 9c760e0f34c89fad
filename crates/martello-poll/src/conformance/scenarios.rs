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

/// What an engine is put through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scenario {
    /// Only one holds the checkpoint; given up, another may.
    HasOneHolder,
    /// What is saved is found by the next holder, as it was.
    SavesAll,
    /// A lease that ran out is its holder's until it is taken.
    LeaseExpires,
    /// Who does not hold the checkpoint saves and renews nothing.
    Fences,
    /// What is parked is parked once, and listed in its order.
    Parks,
    /// What is parked is marked and discarded by anybody.
    RedeliversAndDiscards,
    /// More than may be parked is refused, with all that was to be saved.
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
            Err(Violation::new("a checkpoint that nobody holds can be acquired").into())
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
    ensure(is_held(one).await? && is_held(two).await?, "what is held is not acquired by another")?;
    ensure(one.renew(first.fence, LONG).await?, "who holds it renews it")?;
    one.release(first.fence).await?;
    let second = hold(two, LONG).await?;
    ensure(second.fence != first.fence, "a fence is never handed out twice")?;
    one.release(first.fence).await?;
    ensure(is_held(one).await?, "who lost it does not release it")?;
    Ok(())
}

async fn saves_all(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let held = hold(one, LONG).await?;
    for second in [1, 2] {
        let saved = one.save(held.fence, save(second, Vec::new(), Vec::new())?).await?;
        ensure(saved == Saved::Saved, "who holds it saves")?;
    }
    one.release(held.fence).await?;
    let next = hold(two, LONG).await?;
    ensure(next.checkpoint == Some(checkpoint(2)?), "the next holder finds what was saved last, as it was")?;
    Ok(())
}

async fn lease_expires(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let first = hold(one, SHORT).await?;
    tokio::time::sleep(SHORT * 2).await;
    let saved = one.save(first.fence, save(1, Vec::new(), Vec::new())?).await?;
    ensure(saved == Saved::Saved, "a lease that has run out is its holder's until it is taken")?;
    let second = hold(two, SHORT).await?;
    ensure(second.checkpoint == Some(checkpoint(1)?), "the next holder finds what was saved last")?;
    ensure(!one.renew(first.fence, LONG).await?, "who lost it renews nothing")?;
    let saved = one.save(first.fence, save(2, Vec::new(), Vec::new())?).await?;
    ensure(saved == Saved::Fenced, "who lost it is fenced off")?;
    ensure(two.renew(second.fence, LONG).await?, "who holds it renews it")?;
    tokio::time::sleep(SHORT * 2).await;
    ensure(is_held(one).await?, "a lease that was renewed has not run out")?;
    Ok(())
}

async fn fences(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let first = hold(one, LONG).await?;
    one.release(first.fence).await?;
    let saved = one.save(first.fence, save(1, vec![parked("a")?], Vec::new())?).await?;
    ensure(saved == Saved::Fenced, "who has released it saves nothing")?;
    ensure(!one.renew(first.fence, LONG).await?, "who has released it renews nothing")?;
    let second = hold(two, LONG).await?;
    let saved = one.save(first.fence, save(1, vec![parked("a")?], Vec::new())?).await?;
    ensure(saved == Saved::Fenced, "who lost it saves nothing")?;
    ensure(two.parked(ParkedFilter::default()).await?.is_empty(), "what was fenced off parks nothing")?;
    two.release(second.fence).await?;
    ensure(hold(one, LONG).await?.checkpoint.is_none(), "what was fenced off was not saved")?;
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
        "it is listed once, as it was, the oldest first",
    )?;
    ensure(all.iter().all(|parked| !parked.redeliver), "what was parked is not to be delivered again")?;
    let first = all.first().map(|parked| parked.id);
    let rest = two.parked(ParkedFilter { after: first, limit: 1, ..ParkedFilter::default() }).await?;
    ensure(rest.first() == all.get(1) && rest.len() == 1, "a filter is respected")?;

    // In one save, what was parked goes and comes again.
    let mut again = parked("a")?;
    again.reason = "still none".to_owned();
    let _ = one.save(held.fence, save(1, vec![again.clone()], first.into_iter().collect())?).await?;
    let all = two.parked(ParkedFilter::default()).await?;
    ensure(all.last().map(|parked| &parked.item) == Some(&again), "it is unparked first, and parked anew")?;
    ensure(all.len() == 3, "it is unparked first, and parked anew")?;
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
    ensure(two.redeliver(asked).await? == 1, "what is parked is marked, and what is not is not counted")?;
    let again = one.parked(ParkedFilter { redeliver: true, ..ParkedFilter::default() }).await?;
    ensure(again.iter().map(|parked| parked.id).eq(last), "what is marked is listed as such")?;
    ensure(two.discard(ids.clone()).await? == 2, "what is parked is discarded")?;
    ensure(two.discard(ids).await? == 0, "what is discarded is gone")?;
    ensure(one.parked(ParkedFilter::default()).await?.is_empty(), "what is discarded is gone")?;
    Ok(())
}

async fn limits_parked(one: &impl CheckpointStore, two: &impl CheckpointStore) -> Result<(), BoxError> {
    let held = hold(one, LONG).await?;
    let many = (0..Parked::MAX_ITEMS).map(|n| parked(&n.to_string())).collect::<Result<Vec<_>, _>>()?;
    let _ = one.save(held.fence, save(1, many, Vec::new())?).await?;
    let refused = one.save(held.fence, save(2, vec![parked("more")?], Vec::new())?).await;
    let refused = refused.is_err_and(|error| error.kind() == CheckpointErrorKind::Full);
    ensure(refused, "more than may be parked is refused")?;
    one.release(held.fence).await?;
    let next = hold(two, LONG).await?;
    ensure(next.checkpoint == Some(checkpoint(1)?), "what was refused changed nothing")?;
    Ok(())
}
