//! Polls for plannings while the API releases them: late, out of order, and with equal timestamps.

use std::{collections::BTreeMap, error::Error, io::Write, path::Path, time::Duration};

use jiff::Timestamp;
use martello::{
    Poller,
    paginate::JsonCursor,
    poll::{Event, FileCheckpoint, JsonSince, PollOptions},
};
use martello_planner::Planner;

use crate::upserts::Api;

const PLANNINGS: u32 = 120;

/// The time within which the API releases all plannings, and the most by which one appears later than its
/// timestamp.
const WITHIN: Duration = Duration::from_millis(1_500);
const LATENESS: Duration = Duration::from_millis(500);

#[derive(serde::Deserialize)]
struct Planning {
    id: String,
}

/// Polls until each planning was received. Returns those that were not received exactly once.
pub(crate) async fn poll(
    api: Api,
    planner: &Planner,
    checkpoint: &Path,
    out: &mut impl Write,
) -> Result<Vec<String>, Box<dyn Error>> {
    let mut times: BTreeMap<String, u32> =
        planner.release_badly("P-", PLANNINGS, WITHIN, LATENESS).into_iter().map(|id| (id, 0)).collect();
    let source = JsonSince::new(planner.uri("/planning/v1/plannings"), |url| {
        JsonCursor::new(url)?.items("plannings")
    })?
    .page_size("limit", 20)
    .parameter("released_since")
    .key("id")
    .stamp("released_at")
    .everything_from(Timestamp::UNIX_EPOCH);
    let every = Duration::from_millis(100);
    let options = PollOptions::builder().interval(every).idle_interval(every).build()?;
    let mut poller = Poller::new(api, source, FileCheckpoint::new(checkpoint)).with_options(options);

    let (mut passes, mut all) = (0, false);
    while let Some(event) = poller.next().await? {
        match event {
            Event::Batch(batch) => {
                for item in batch.items() {
                    let planning: Planning = item.decode()?;
                    *times.entry(planning.id).or_default() += 1;
                }
                batch.ack().await?; // only this saves the checkpoint
            }
            Event::CaughtUp { .. } => {
                passes += 1;
                // One more pass, to notice a planning that is delivered twice.
                if std::mem::replace(&mut all, times.values().all(|times| *times > 0)) {
                    break;
                }
            }
            _ => {}
        }
    }
    writeln!(
        out,
        "  plannings         {} received in {passes} passes, although they were released late,",
        times.len()
    )?;
    writeln!(out, "                    out of order, and with equal timestamps")?;
    let wrong = times.iter().filter(|(_, times)| **times != 1);
    Ok(wrong.map(|(id, times)| format!("{id} was received {times} times")).collect())
}
