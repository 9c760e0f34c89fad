use super::super::{
    check::same,
    stage::{MOMENT, Stage, entry, ids, seconds, start},
    violation::Played,
};
use crate::{Held, QueueName};

/// Where the entries of the suite go.
const API: &str = "api.example";

pub(in super::super) async fn a_held_authority_is_left_alone_until_its_hold_ends(
    stage: &Stage<'_>,
) -> Played {
    let default = QueueName::default();
    let id = stage.put(entry()).await?;
    stage.hold(&default, seconds(30)).await?;
    let held = Held {
        authority: API.to_owned(),
        until: start() + seconds(30),
        why: "held for 30s".to_owned(),
        in_row: 1,
    };
    same("the holds", stage.stats(&default).await?.holds, vec![held.clone()])?;
    stage.pass(seconds(30) - MOMENT);
    same("claims a microsecond before its end", ids(&stage.claim(5).await?), Vec::new())?;
    stage.pass(MOMENT);
    same("the holds at its end", stage.stats(&default).await?.holds, vec![held])?;
    same("claims at its end", ids(&stage.claim(5).await?), vec![id])
}
