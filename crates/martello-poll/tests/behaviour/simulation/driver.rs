use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use martello_poll::{
    Boundary, CheckpointStore, Event, Item, JsonCursor, JsonSince, MemoryCheckpoint, ParkedFilter,
    PollErrorKind, PollOptions, Poller,
};

use super::{
    history::{History, LAST, OVERLAP, Run},
    server::World,
    store::Watched,
};

/// What came of a history.
pub(crate) struct Outcome {
    pub(crate) violations: Vec<String>,
    /// How many pollers crashed.
    pub(crate) crashes: u32,
}

/// Runs a history to its end, on a clock that is paused.
pub(crate) fn run(history: History) -> Outcome {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(history);
        let store = Watched { store: MemoryCheckpoint::default(), world: world.clone() };
        let rival = async {
            if let Some(runs) = &world.history.rival {
                drive(&store, runs, false).await;
            }
        };
        let whole = async { tokio::join!(drive(&store, &world.history.runs, true), rival) };
        if tokio::time::timeout(Duration::from_secs(4 * 60 * 60), whole).await.is_err() {
            world.seen.lock().unwrap().violations.push("the poll never caught up".to_owned());
        }
        check_end(&world);
        check_parked(&store).await;
        let mut seen = world.seen.lock().unwrap();
        Outcome { violations: std::mem::take(&mut seen.violations), crashes: seen.crashes }
    })
}

/// Whatever is listed at the end was processed; and once, unless a crash or a small memory excuses more.
fn check_end(world: &World) {
    let history = &world.history;
    let crashes = |runs: &[Run]| runs.iter().any(|run| matches!(run, Run::Crash(_)));
    let mut seen = world.seen.lock().unwrap();
    let excused = seen.resynced
        || crashes(&history.runs)
        || history.rival.as_ref().is_some_and(|runs| crashes(runs))
        || history.remember < history.records.len();
    for record in world.listed(u64::MAX) {
        if !seen.processed.contains_key(&(format!("k{}", record.key), record.at)) {
            seen.violations.push(format!("{record:?} was lost"));
        }
    }
    let twice: Vec<_> = seen.processed.iter().filter(|(_, times)| **times > 1 && !excused).collect();
    let twice = twice.into_iter().map(|twice| format!("{twice:?} was delivered again")).collect::<Vec<_>>();
    seen.violations.extend(twice);
}

/// What could not be processed is parked, once.
async fn check_parked(store: &Watched) {
    let world = &store.world;
    let parked = store.parked(ParkedFilter::default()).await.unwrap();
    for record in world.listed(u64::MAX) {
        let key = format!("k{}", record.key);
        let stamp = Some(world.time(record.at));
        let times =
            parked.iter().filter(|parked| parked.item.key == key && parked.item.stamp == stamp).count();
        if times != usize::from(is_rejected(world, &key)) {
            world.seen.lock().unwrap().violations.push(format!("{record:?} is parked {times} times"));
        }
    }
}

/// One poller after the other, as each crashes or is stopped, and a last one to the end.
async fn drive(store: &Watched, runs: &[Run], last: bool) {
    for run in runs {
        let mut poller = poller(store);
        match *run {
            Run::Crash(waits) => {
                let crashed = crash_after(waits, poll(store, &mut poller, u32::MAX)).await;
                store.world.seen.lock().unwrap().crashes += u32::from(crashed);
            }
            Run::Stop(events) => {
                poll(store, &mut poller, events).await;
                poller.stopper().stop();
                while let Some(event) = poller.next().await.unwrap() {
                    drop(event);
                }
            }
        }
    }
    if last || !runs.is_empty() {
        let mut poller = poller(store);
        poll(store, &mut poller, u32::MAX).await;
    }
}

fn poller(store: &Watched) -> Poller {
    let history = &store.world.history;
    let source = JsonSince::new("http://api.example/plannings", JsonCursor::new).unwrap();
    let boundary = if history.inclusive { Boundary::Inclusive } else { Boundary::Exclusive };
    let options = PollOptions::builder()
        .interval(Duration::from_secs(5))
        .idle_interval(Duration::from_secs(10))
        .overlap(Duration::from_millis(OVERLAP))
        .remember(history.remember)
        .lease(Duration::from_secs(10))
        .seed(history.seed)
        .build()
        .unwrap();
    Poller::new(store.world.clone(), source.boundary(boundary), store.clone()).with_options(options)
}

/// Processes and acknowledges, for so many events or to the end of the history.
async fn poll(store: &Watched, poller: &mut Poller, events: u32) {
    let world = &store.world;
    for _ in 0..events {
        if world.seen.lock().unwrap().finished {
            return;
        }
        match poller.next().await.unwrap().unwrap() {
            Event::Batch(batch) => {
                for item in batch.items() {
                    tokio::time::sleep(Duration::from_millis(world.history.work)).await;
                    process(world, item);
                    if is_rejected(world, item.key()) {
                        batch.reject(item, "odd");
                    }
                }
                // What could not be saved is saved later, or delivered again.
                let _ = batch.ack().await;
            }
            Event::CaughtUp { lag, .. } => {
                let began = world.now() - u64::try_from(lag.as_millis()).unwrap();
                world.seen.lock().unwrap().finished |= began > LAST + OVERLAP;
            }
            Event::Failed { error, .. } => assert_ne!(error.kind(), PollErrorKind::Source),
            Event::Resync { .. } => world.seen.lock().unwrap().resynced = true,
            event => panic!("{event:?}"),
        }
    }
}

fn is_rejected(world: &World, key: &str) -> bool {
    world.history.rejects && key.ends_with(['1', '3', '5', '7', '9'])
}

fn process(world: &World, item: &Item) {
    let at = item.stamp().unwrap().duration_since(world.epoch).as_millis();
    let record = (item.key().to_owned(), u64::try_from(at).unwrap());
    *world.seen.lock().unwrap().processed.entry(record).or_default() += 1;
}

/// Drops the future when it has returned `Pending` this many times. Returns whether that happened before it
/// completed.
async fn crash_after<F: Future<Output = ()>>(waits: u32, future: F) -> bool {
    let mut future = pin!(future);
    let mut left = waits;
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Pending if left == 0 => Poll::Ready(true),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
        Poll::Ready(()) => Poll::Ready(false),
    })
    .await
}
