//! Polls what the API makes of the orders, while it releases that late, out of order, and with equal stamps.

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

/// Until when the last of them can be seen, and how late it is then at most.
const WITHIN: Duration = Duration::from_millis(1_500);
const LATENESS: Duration = Duration::from_millis(500);

#[derive(serde::Deserialize)]
struct Planning {
    id: String,
}

/// What was seen other than once: nothing, if all is well.
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
                batch.ack().await?; // this alone moves the checkpoint
            }
            Event::CaughtUp { .. } => {
                passes += 1;
                // One pass more, for whatever might come twice.
                if std::mem::replace(&mut all, times.values().all(|times| *times > 0)) {
                    break;
                }
            }
            _ => {}
        }
    }
    writeln!(
        out,
        "  plannings         {} seen in {passes} passes, while they were released late,",
        times.len()
    )?;
    writeln!(out, "                    out of order, and with equal stamps")?;
    let wrong = times.iter().filter(|(_, times)| **times != 1);
    Ok(wrong.map(|(id, times)| format!("{id} was seen {times} times")).collect())
}
