//! Polls what is released while it is released: late, out of order, with equal stamps. The poller is dropped in the middle, as by a
//! crash, and another goes on from its checkpoint. One planning cannot be processed: it is parked, and delivered again when it can.
//!
//! ```text
//! cargo run --example poll
//! ```

use std::{
    collections::BTreeSet,
    error::Error,
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jiff::Timestamp;
use martello::{
    Body, Poller, Stack, Stacked,
    paginate::JsonCursor,
    poll::{CheckpointStore, ConfigError, FileCheckpoint, JsonSince, ParkedFilter, PollOptions},
};
use martello_planner::{Faults, Planner};
use tokio::time::{sleep, timeout};
use tower::Layer;

const POISON: &str = "P-17";

#[derive(serde::Deserialize)]
struct Planning {
    id: String,
}

/// What the plannings are for.
#[derive(Default)]
struct Database {
    saved: Mutex<BTreeSet<String>>,
    accepts_poison: AtomicBool,
}

impl Database {
    fn save(&self, planning: Planning) -> Result<(), String> {
        if planning.id == POISON && !self.accepts_poison.load(Ordering::SeqCst) {
            return Err("no such customer".to_owned());
        }
        self.saved.lock().map_err(|error| error.to_string())?.insert(planning.id);
        Ok(())
    }

    fn count(&self) -> usize {
        self.saved.lock().map_or(0, |saved| saved.len())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let planner = Planner::builder().seed(5).faults(Faults::bad_network()).start().await?;
    let ids = planner.release_badly("P-", 60, Duration::from_secs(1), Duration::from_millis(500));
    let directory = tempfile::tempdir()?;
    let checkpoint = FileCheckpoint::new(directory.path().join("plannings.checkpoint"));
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let api = Stack::new().retry(|retry| retry.whole_responses(16 << 20)).build()?.layer(http);
    let database = Arc::new(Database::default());

    let mut poller = poller(&planner, api.clone(), checkpoint.clone())?;
    let work = Arc::clone(&database);
    // Dropped in the middle of whatever it does.
    let crash = timeout(
        Duration::from_millis(700),
        poller.for_each(|planning: Planning| {
            let saved = work.save(planning);
            async { saved }
        }),
    );
    if crash.await.is_ok() {
        return Err("it ended by itself".into());
    }
    drop(poller);
    writeln!(out, "{} of {} when it crashed", database.count(), ids.len())?;

    let mut poller = self::poller(&planner, api, checkpoint.clone())?;
    let stopper = poller.stopper();
    let work = Arc::clone(&database);
    let polling = poller.for_each(|planning: Planning| {
        let saved = work.save(planning);
        async { saved }
    });
    let watching = async {
        while database.count() + 1 < ids.len() {
            sleep(Duration::from_millis(20)).await;
        }
        let parked = loop {
            match checkpoint.parked(ParkedFilter::default()).await?.pop() {
                Some(parked) => break parked,
                None => sleep(Duration::from_millis(20)).await,
            }
        };
        writeln!(out, "parked: {} because of {:?}", parked.item.key, parked.item.reason)?;
        database.accepts_poison.store(true, Ordering::SeqCst);
        checkpoint.redeliver(vec![parked.id]).await?;
        while database.count() < ids.len() {
            sleep(Duration::from_millis(20)).await;
        }
        stopper.stop();
        Ok::<_, Box<dyn Error>>(())
    };
    let (polled, watched) =
        timeout(Duration::from_secs(30), async { tokio::join!(polling, watching) }).await?;
    polled?;
    watched?;
    writeln!(out, "{} of {} in the end", database.count(), ids.len())?;
    Ok(())
}

fn poller(
    planner: &Planner,
    api: Stacked<Client<HttpConnector, Body>>,
    checkpoint: FileCheckpoint,
) -> Result<Poller, ConfigError> {
    let source = JsonSince::new(planner.uri("/planning/v1/plannings"), |url| {
        JsonCursor::new(url)?.items("plannings")
    })?
    .page_size("limit", 20)
    .parameter("released_since")
    .key("id")
    .stamp("released_at")
    .everything_from(Timestamp::UNIX_EPOCH);
    // In earnest, leave these as they are: every 30 s, slower while nothing is new, and a minute until a poller that crashed is
    // followed by another.
    let every = Duration::from_millis(100);
    let options = PollOptions::builder().interval(every).idle_interval(every).lease(Duration::from_secs(1));
    let options = options.build()?;
    Ok(Poller::new(api, source, checkpoint).with_options(options))
}
