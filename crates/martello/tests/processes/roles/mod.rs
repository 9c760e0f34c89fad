//! What the processes do, each in a file of its own.

mod client;
mod enqueuer;
mod opener;
mod poller;
mod replayer;
mod worker;

use std::{
    io::{self, BufRead, Write},
    process, thread,
};

pub(crate) use self::{client::SIGNATURE, worker::LEAVE};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::part::{Part, Role};

/// The test that is none, but the way into this binary for a child.
pub(crate) const TEST: &str = "roles::a_child_plays_its_part";

/// What a line begins with that is meant for the parent: the test harness writes lines too.
pub(crate) const MARK: &str = "> ";

#[tokio::test]
async fn a_child_plays_its_part() {
    let Some(part) = Part::from_env() else { return };
    // The harness has begun a line.
    io::stdout().write_all(b"\n").unwrap();
    let orders = orders();
    match part.role {
        Role::Enqueuer => enqueuer::play(&part).await,
        Role::Worker | Role::Sleeper => worker::play(&part, orders).await,
        Role::Replayer => replayer::play(&part).await,
        Role::Poller => poller::play(&part).await,
        Role::Opener => opener::play(&part).await,
    }
}

/// Tells the parent something: it has heard it when this returns, whatever becomes of this process.
fn say(line: &str) {
    io::stdout().write_all(format!("{MARK}{line}\n").as_bytes()).unwrap();
}

/// What the parent says. When it says no more it is gone, and so is this process.
fn orders() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // A part that takes no orders has dropped the receiver.
            let _ = sender.send(line);
        }
        process::exit(0);
    });
    receiver
}
