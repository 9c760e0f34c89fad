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

pub(crate) use self::{client::SIGNATURE, worker::SHUT_DOWN};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::process_config::{ProcessConfig, Role};

/// The test that is none, but the way into this binary for a child.
pub(crate) const TEST: &str = "roles::a_child_runs_its_role";

/// What a line begins with that is meant for the parent: the test harness writes lines too.
pub(crate) const MARK: &str = "> ";

#[tokio::test]
async fn a_child_runs_its_role() {
    let Some(config) = ProcessConfig::from_env() else { return };
    // The harness has begun a line.
    io::stdout().write_all(b"\n").unwrap();
    let commands = commands();
    match config.role {
        Role::Enqueuer => enqueuer::run(&config).await,
        Role::Worker | Role::Sleeper => worker::run(&config, commands).await,
        Role::Replayer => replayer::run(&config).await,
        Role::Poller => poller::run(&config).await,
        Role::Opener => opener::run(&config).await,
    }
}

/// Tells the parent something: it has heard it when this returns, whatever becomes of this process.
fn print(line: &str) {
    io::stdout().write_all(format!("{MARK}{line}\n").as_bytes()).unwrap();
}

/// What the parent says. When it says no more it is gone, and so is this process.
fn commands() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // A part that takes no commands has dropped the receiver.
            let _ = sender.send(line);
        }
        process::exit(0);
    });
    receiver
}
