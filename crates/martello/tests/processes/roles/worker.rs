//! Delivers, with short leases and short waits, and tells how it stands when it is asked.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use martello::outbox::{WorkerMonitor, WorkerOptions};
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::mpsc::UnboundedReceiver;
use tower::ServiceExt;

use super::{client::client, say};
use crate::part::{Part, Role};

/// The order to come to an end in peace. Any other asks how it stands.
pub(crate) const LEAVE: &str = "leave";

pub(super) async fn play(part: &Part, mut orders: UnboundedReceiver<String>) {
    let outbox = part.ground.outbox(|outbox| outbox.concurrency(part.concurrency)).await;
    let options = WorkerOptions::builder()
        .name(&part.name)
        .lease(part.lease)
        .attempt_timeout(part.lease * 4 / 5)
        .backoff(Duration::from_millis(10), Duration::from_millis(100))
        // The server is not down, it is moody.
        .hold_after(1_000)
        .poll_every(Duration::from_millis(200))
        .seed(part.seed);
    let sleeps = AtomicBool::new(part.role == Role::Sleeper);
    let sleeps: &'static AtomicBool = Box::leak(Box::new(sleeps));
    let client = client(&part.name).map_response(move |response| {
        if sleeps.swap(false, Ordering::SeqCst) {
            sleep();
        }
        response
    });
    let worker = outbox.worker(client).with_options(options.build().unwrap());
    let monitor = worker.monitor();
    let told_to_leave = async {
        while orders.recv().await.is_some_and(|order| order != LEAVE) {
            answer(&monitor);
        }
    };
    worker.run_until(told_to_leave).await;
}

fn answer(monitor: &WorkerMonitor) {
    let health = monitor.health();
    say(&format!("delivered {} fenced {} lost {}", health.delivered, health.fenced, health.lost));
}

/// Stands still until somebody says that it may go on.
fn sleep() {
    kill_process(getpid(), Signal::STOP).unwrap();
    // The signal may have reached another thread first, and this one a moment later.
    thread::park_timeout(Duration::from_millis(100));
}
