//! The roles of the child processes, one file each.

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

/// The entry point of a child process: a test that does nothing in the parent.
pub(crate) const TEST: &str = "roles::a_child_runs_its_role";

/// The prefix of a line for the parent. The test harness writes lines without it.
pub(crate) const MARK: &str = "> ";

#[tokio::test]
async fn a_child_runs_its_role() {
    let Some(config) = ProcessConfig::from_env() else { return };
    // The harness has started a line.
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

/// Prints a line for the parent. Once this returns, the line is in the pipe, even if this process is killed.
fn print(line: &str) {
    io::stdout().write_all(format!("{MARK}{line}\n").as_bytes()).unwrap();
}

/// The commands of the parent. The process exits when the parent closes the pipe.
fn commands() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // A role that takes no commands has dropped the receiver.
            let _ = sender.send(line);
        }
        process::exit(0);
    });
    receiver
}
