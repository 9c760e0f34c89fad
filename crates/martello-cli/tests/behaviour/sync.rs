//! A simulated planning API, a directory, and the commands `upsert` and `poll` between them.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use martello_planner::{Planner, PlannerBuilder};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{RunResult, bare};

/// A simulated planning API, and a directory for the files of a test.
pub(crate) struct SyncFixture {
    pub(crate) planner: Planner,
    pub(crate) directory: TempDir,
}

impl SyncFixture {
    pub(crate) async fn new() -> Self {
        Self::of(Planner::builder()).await
    }

    pub(crate) async fn of(planner: PlannerBuilder) -> Self {
        Self { planner: planner.start().await.unwrap(), directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes this many orders to `orders.ndjson`, and returns the text.
    pub(crate) fn orders(&self, count: u32) -> String {
        let text = (0..count).fold(String::new(), |mut text, number| {
            writeln!(text, r#"{{"business_id":"DO-{number}","stops":{},"weight":{number}.50}}"#, number % 7)
                .unwrap();
            text
        });
        std::fs::write(self.path("orders.ndjson"), &text).unwrap();
        text
    }

    /// `martello upsert` with the input `orders.ndjson`, in the directory.
    pub(crate) fn upsert(&self, arguments: &[&str]) -> Command {
        self.upsert_of("orders.ndjson", arguments)
    }

    /// The same with another input.
    pub(crate) fn upsert_of(&self, input: &str, arguments: &[&str]) -> Command {
        let url = format!("{}{{business_id}}", self.planner.uri("/orders/"));
        self.martello(&["upsert", "--url", &url, "--input", input], arguments)
    }

    /// `martello poll` of the plannings.
    pub(crate) fn poll(&self, arguments: &[&str]) -> Command {
        let url = self.planner.uri("/planning/v1/plannings?limit=50&released_since=").to_string() + "{since}";
        let first = ["poll", "--url", &url, "--checkpoint", "checkpoint", "--items", "plannings"];
        self.martello(&[&first[..], &["--stamp", "released_at", "--from", "1h"]].concat(), arguments)
    }

    pub(crate) fn martello(&self, first: &[&str], then: &[&str]) -> Command {
        let mut command = bare();
        command.args(first).args(then).current_dir(self.directory.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The lines of a file, as JSON.
    pub(crate) fn lines(&self, name: &str) -> Vec<Value> {
        lines(&self.path(name))
    }

    /// Asserts that the planner has exactly these orders.
    pub(crate) fn holds(&self, orders: &str) {
        let entities = self.planner.entities();
        let held: Vec<_> =
            entities.values().map(|entity| String::from_utf8(entity.body.to_vec()).unwrap()).collect();
        assert_eq!(sorted(&held.join("\n")), sorted(orders));
    }

    /// Waits until the planner has received this many requests.
    pub(crate) async fn received(&self, count: usize) {
        within(async || self.planner.exchanges().len() >= count).await;
    }
}

/// Waits up to half a minute for a condition.
pub(crate) async fn within(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

pub(crate) fn run(mut command: Command) -> RunResult {
    RunResult::from(command.output().unwrap())
}

pub(crate) fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sends SIGINT to a child, as Ctrl-C does.
#[cfg(unix)]
pub(crate) fn interrupt(child: &std::process::Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

/// Sends SIGTERM to a child, as a supervisor does.
#[cfg(unix)]
pub(crate) fn terminate(child: &std::process::Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}
