//! Polls for plannings while the API releases them: late, out of order, and with equal timestamps. The poller
//! is dropped at a random point, as by a crash, and another resumes from its checkpoint. One planning cannot
//! be processed: the poller parks it, and delivers it again when the program asks for it.
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

/// The application's database. At first it rejects one planning.
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
    // The timeout drops the poller at a random point.
    let crash = timeout(
        Duration::from_millis(700),
        poller.for_each(|planning: Planning| {
            let saved = work.save(planning);
            async { saved }
        }),
    );
    if crash.await.is_ok() {
        return Err("the poller stopped by itself".into());
    }
    drop(poller);
    writeln!(out, "{} of {} plannings saved before the crash", database.count(), ids.len())?;

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
        writeln!(out, "parked {}: {:?}", parked.item.key, parked.item.reason)?;
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
    writeln!(out, "{} of {} plannings saved at the end", database.count(), ids.len())?;
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
    // In production, keep the defaults: a pass every 30 s, less often while nothing is new, and a lease of
    // one minute, after which another poller takes over from one that crashed.
    let every = Duration::from_millis(100);
    let options = PollOptions::builder().interval(every).idle_interval(every).lease(Duration::from_secs(1));
    let options = options.build()?;
    Ok(Poller::new(api, source, checkpoint).with_options(options))
}
