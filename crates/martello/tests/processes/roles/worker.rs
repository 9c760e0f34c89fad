//! Runs a worker with short leases and short waits, and prints its health on demand.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use martello::outbox::{WorkerMonitor, WorkerOptions};
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::mpsc::UnboundedReceiver;
use tower::ServiceExt;

use super::{client::client, print};
use crate::process_config::{ProcessConfig, Role};

/// The command to shut down gracefully. Any other command asks for the health.
pub(crate) const SHUT_DOWN: &str = "shut down";

pub(super) async fn run(config: &ProcessConfig, mut commands: UnboundedReceiver<String>) {
    let outbox = config.test_store.outbox(|outbox| outbox.concurrency(config.concurrency)).await;
    let options = WorkerOptions::builder()
        .name(&config.name)
        .lease(config.lease)
        .attempt_timeout(config.lease * 4 / 5)
        .backoff(Duration::from_millis(10), Duration::from_millis(100))
        // The server rejects requests at random; it is not down, so the authority must not be held.
        .hold_after(1_000)
        .poll_every(Duration::from_millis(200))
        .seed(config.seed);
    let sleeps = AtomicBool::new(config.role == Role::Sleeper);
    let sleeps: &'static AtomicBool = Box::leak(Box::new(sleeps));
    let client = client(&config.name).map_response(move |response| {
        if sleeps.swap(false, Ordering::SeqCst) {
            sleep();
        }
        response
    });
    let worker = outbox.worker(client).with_options(options.build().unwrap());
    let monitor = worker.monitor();
    let until_shut_down = async {
        while commands.recv().await.is_some_and(|command| command != SHUT_DOWN) {
            answer(&monitor);
        }
    };
    worker.run_until(until_shut_down).await;
}

fn answer(monitor: &WorkerMonitor) {
    let health = monitor.health();
    print(&format!("delivered {} fenced {} lost {}", health.delivered, health.fenced, health.lost));
}

/// Stops this process until the parent continues it.
fn sleep() {
    kill_process(getpid(), Signal::STOP).unwrap();
    // The signal may have reached another thread first, and this one a moment later.
    thread::park_timeout(Duration::from_millis(100));
}
