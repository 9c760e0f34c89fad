//! Reports pauses and holds that keep a watched replay from making progress.

use std::{borrow::Cow, collections::HashSet, time::Duration};

use indicatif::ProgressBar;
use jiff::Timestamp;
use martello::outcome::HostPort;
use martello_outbox::{Entry, HeldAuthority, QueueName, QueueStats, Store};
use tokio::time::Instant;

use crate::{
    error::CommandError,
    output::{Output, Printable, Time},
};

/// How often the store is checked for pauses and holds.
const EVERY: Duration = Duration::from_secs(2);

/// Reports each pause and hold once.
pub(super) struct Stalls {
    reported: HashSet<String>,
    due: Instant,
}

impl Stalls {
    pub(super) fn new() -> Self {
        Self { reported: HashSet::new(), due: Instant::now() }
    }

    /// Whether the next check is due.
    pub(super) fn are_due(&mut self) -> bool {
        let now = Instant::now();
        let due = now >= self.due;
        if due {
            self.due = now + EVERY;
        }
        due
    }

    /// Reports why these entries wait, except for reasons already reported.
    pub(super) async fn report(
        &mut self,
        store: &dyn Store,
        out: &mut Output,
        bar: &ProgressBar,
        waiting: &[Entry],
    ) -> Result<(), CommandError> {
        let apis: HashSet<(&QueueName, Cow<'_, str>)> =
            waiting.iter().map(|entry| (&entry.queue, authority(entry))).collect();
        let mut now = HashSet::new();
        for queue in store.queues().await? {
            now.extend(
                apis.iter().filter(|(name, _)| **name == queue.queue).filter_map(|(_, api)| why(&queue, api)),
            );
        }
        for why in now.difference(&self.reported) {
            bar.suspend(|| out.event(why, None))?;
        }
        self.reported = now;
        Ok(())
    }
}

/// Why workers claim nothing from this queue for this API.
fn why(queue: &QueueStats, api: &str) -> Option<String> {
    let name = &queue.queue;
    let held = |held: &&HeldAuthority| held.authority == api && held.until > Timestamp::now();
    let what = match (&queue.paused, queue.holds.iter().find(held)) {
        (Some(why), _) => format!("queue {name} is paused: {}", Printable::new(why)),
        (None, Some(HeldAuthority { until, why, .. })) => {
            format!("{} is held until {}: {}", Printable::new(api), Time(*until), Printable::new(why))
        }
        (None, None) => return None,
    };
    Some(format!("{what}; to end this: martello outbox resume {name}"))
}

/// The canonical authority of the request, as in a hold.
fn authority(entry: &Entry) -> Cow<'_, str> {
    HostPort::of(&entry.uri).and_then(HostPort::canonical).unwrap_or_default()
}
