//! Stores with entries, and the command to run on them.

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::Arc,
    time::Duration,
};

use http::{Method, StatusCode};
use jiff::Timestamp;
use martello_outbox::{
    AttemptRecord, Change, EntryId, NewEntry, OrderKey, Outcome, QueueName, Reason, State, Store,
    StoredRequest,
    store::{End, HoldChange, Settlement, Turn, WorkerId},
};
use martello_sqlite::SqliteStore;
use serde_json::Value;
use tempfile::TempDir;

/// A store in a directory of its own.
pub(crate) struct StoreFixture {
    pub(crate) store: Arc<dyn Store>,
    /// The value of `--store`.
    pub(crate) named: String,
    pub(crate) directory: TempDir,
    sqlite: Option<SqliteStore>,
}

impl StoreFixture {
    pub(crate) async fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("outbox.db");
        let store = SqliteStore::open(&path).await.unwrap();
        let named = format!("sqlite:{}", path.display());
        Self { store: Arc::new(store.clone()), named, directory, sqlite: Some(store) }
    }

    /// A store on a server, if there is one for tests.
    pub(crate) fn remote(store: impl Store, named: String) -> Self {
        Self { store: Arc::new(store), named, directory: tempfile::tempdir().unwrap(), sqlite: None }
    }

    /// Closes the file.
    pub(crate) async fn close(&self) {
        if let Some(store) = &self.sqlite {
            store.close().await;
        }
    }

    /// Three dead letters of two hosts, and a waiting request.
    pub(crate) async fn filled() -> (Self, Vec<EntryId>) {
        let fixture = Self::empty().await;
        let ids = fixture.fill().await;
        (fixture, ids)
    }

    pub(crate) async fn fill(&self) -> Vec<EntryId> {
        let entries = [
            dead("https://api.example/orders/1?token=s3cret", 422, Reason::Rejected),
            dead("https://api.example/orders/2", 422, Reason::Rejected),
            dead("https://other.example/orders/3", 503, Reason::Exhausted),
            waiting("https://api.example/orders/4"),
        ];
        let ids = entries.iter().map(|entry| entry.id).collect();
        self.store.enqueue(entries.into()).await.unwrap();
        ids
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The command on this store, without a terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare();
        command.args(arguments).env("MARTELLO_STORE", &self.named);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> RunResult {
        RunResult::from(self.command(arguments).output().unwrap())
    }

    /// Runs the command with `--json`, asserts success, and returns the document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--json"]].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        serde_json::from_str(&ran.stdout).unwrap()
    }

    pub(crate) async fn state(&self, id: EntryId) -> State {
        self.store.entry(id).await.unwrap().unwrap().state
    }

    /// Claims all due entries and settles each with this end and status. Returns how many.
    pub(crate) async fn deliver(&self, end: End, status: u16) -> usize {
        let claimed = self.store.turn(turn(Vec::new(), 100)).await.unwrap().claimed;
        let settle = claimed.iter().map(|claimed| Settlement {
            lease: claimed.lease.clone(),
            end,
            attempt: Some(attempt(claimed.entry.attempts, status)),
            hold: HoldChange::Keep,
        });
        self.store.turn(turn(settle.collect(), 0)).await.unwrap();
        claimed.len()
    }

    /// Claims a due entry and settles it with this change of its hold.
    pub(crate) async fn hold(&self, hold: HoldChange) {
        let claimed = self.store.turn(turn(Vec::new(), 1)).await.unwrap().claimed;
        let settle = claimed.iter().map(|claimed| Settlement {
            lease: claimed.lease.clone(),
            end: End::Again { wait: Duration::from_secs(600), counts: true },
            attempt: Some(attempt(claimed.entry.attempts, 503)),
            hold: hold.clone(),
        });
        self.store.turn(turn(settle.collect(), 0)).await.unwrap();
    }

    pub(crate) async fn change(&self, id: EntryId, change: Change) {
        self.store.change(id, change).await.unwrap();
    }
}

fn turn(settle: Vec<Settlement>, claim: usize) -> Turn {
    let worker = WorkerId::new("worker-1").unwrap();
    let queue = QueueName::default();
    Turn { queue, worker, settle, claim, cap: 100, lease_duration: Duration::from_secs(60) }
}

/// The command without a store and without a terminal.
pub(crate) fn bare() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_martello"));
    command.env_remove("MARTELLO_STORE").stdin(Stdio::null());
    command
}

/// The exit code and the output of the command.
#[derive(Debug)]
pub(crate) struct RunResult {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for RunResult {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl RunResult {
    /// Asserts this exit code, this message on stderr, and an empty stdout.
    pub(crate) fn fails(&self, code: i32, message: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        assert!(self.stderr.starts_with("martello: ") && self.stderr.contains(message), "{self:?}");
    }
}

pub(crate) fn request(url: &str) -> StoredRequest {
    let headers = [("content-type", "application/json"), ("idempotency-key", "\"first\"")];
    StoredRequest {
        method: Method::PUT,
        uri: url.parse().unwrap(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect(),
        body: r#"{"stops":-3,"by":"road"}"#.into(),
        sealed: false,
    }
}

/// A new entry whose order key is the host and path.
pub(crate) fn waiting(url: &str) -> NewEntry {
    let request = request(url);
    let key = format!("{}{}", request.host(), request.uri.path());
    let mut entry = NewEntry::new(QueueName::default(), request);
    entry.order_key = Some(OrderKey::new(key).unwrap());
    entry.repeatable = true;
    entry
}

pub(crate) fn dead(url: &str, status: u16, reason: Reason) -> NewEntry {
    let mut entry = waiting(url);
    entry.attempts = vec![attempt(1, 503), attempt(2, status)];
    entry.dead = Some(reason);
    entry
}

pub(crate) fn attempt(number: u32, status: u16) -> AttemptRecord {
    let status = StatusCode::from_u16(status).unwrap();
    let outcome = match status.as_u16() {
        200..300 => Outcome::Success,
        422 => Outcome::Rejected,
        _ => Outcome::Unavailable,
    };
    AttemptRecord {
        number,
        revision: 1,
        started: "2026-11-28T16:00:00Z".parse::<Timestamp>().unwrap() + Duration::from_secs(number.into()),
        duration: Duration::from_millis(120),
        outcome,
        status: Some(status),
        tracking_id: format!("track-{number}-{}", status.as_u16()).parse().ok(),
        fault: (status == 422).then(|| "stops must not be \u{1b}[31mnegative".into()),
        worker: None,
    }
}

impl StoreFixture {
    pub(crate) async fn store_keeps(&self, at: usize, ids: &[EntryId]) -> bool {
        self.store.entry(ids[at]).await.unwrap().unwrap().protected
    }
}

impl RunResult {
    /// Asserts this exit code, this message anywhere on stderr, and an empty stdout.
    pub(crate) fn fails_late(&self, code: i32, message: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        assert!(self.stderr.contains(message), "{self:?}");
    }
}
