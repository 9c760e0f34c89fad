//! Several processes on one file. The other processes run this test binary; an environment variable selects
//! their role.

use std::{
    collections::HashSet,
    env,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use martello_outbox::{
    Filter, State, Store,
    store::{End, HoldChange, Settlement, Turn, Watch},
};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;
use tokio::time::Instant;

use crate::support::{claim, entry, temp_store_path};

const PART: &str = "MARTELLO_SQLITE_TEST_PART";
const FILE: &str = "MARTELLO_SQLITE_TEST_FILE";
const ENTRIES: usize = 120;
const ROUNDS: u64 = 5;

/// A process with a role. It ends with the test.
struct Other {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Other {
    fn start(part: &str, path: &Path) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "processes::the_role_of_another_process", "--nocapture"]);
        command.env(PART, part).env(FILE, path);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        Self { child, says }
    }

    /// The rest of its next line that starts with this word.
    fn read_line(&mut self, word: &str) -> String {
        let line = self.says.by_ref().lines().map(Result::unwrap).find(|line| line.starts_with(word));
        assert!(line.is_some(), "the other process ended before it printed {word}");
        line.unwrap_or_default()
    }

    /// Lets the process continue.
    fn resume(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Prints the word, and waits until the test lets the process continue.
#[expect(clippy::print_stdout, reason = "the other process listens")]
fn print_and_wait(word: &str) {
    println!("\n{word}");
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Not a test by itself: the roles of the other processes.
#[tokio::test(flavor = "multi_thread")]
async fn the_role_of_another_process() {
    let (Ok(part), Ok(path)) = (env::var(PART), env::var(FILE)) else {
        return;
    };
    match part.as_str() {
        "work" => work(Path::new(&path)).await,
        "store" => {
            let store = SqliteStore::open(&path).await.unwrap();
            print_and_wait("ready");
            for _ in 0..ROUNDS {
                store.enqueue(vec![entry()]).await.unwrap();
                print_and_wait("stored");
            }
        }
        "hold" => {
            let connection = Connection::open(&path).unwrap();
            connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM outbox").unwrap();
            print_and_wait("holds");
        }
        other => unreachable!("no part is called {other}"),
    }
}

/// Claims and settles until nothing is left. Prints what it delivered, and the most entries it had leased at
/// once.
#[expect(clippy::print_stdout, reason = "the other process listens")]
async fn work(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    print_and_wait("ready");
    let (mut settle, mut most) = (Vec::new(), 0);
    loop {
        let turned = store.turn(Turn { settle, ..claim(3) }).await.unwrap();
        most = most.max(store.count(Filter::state(State::Leased)).await.unwrap());
        for claimed in &turned.claimed {
            println!("\nclaimed {}", claimed.entry.id);
        }
        let done = |lease| Settlement { lease, end: End::Done, attempt: None, hold: HoldChange::Keep };
        settle = turned.claimed.into_iter().map(|claimed| done(claimed.lease)).collect();
        if settle.is_empty() && store.count(Filter::state(State::Ready)).await.unwrap() == 0 {
            break;
        }
    }
    println!("\nmost {most}");
}

#[tokio::test]
async fn four_processes_share_the_work_and_the_cap() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue((0..ENTRIES).map(|_| entry()).collect()).await.unwrap();
    let mut others: Vec<_> = (0..4).map(|_| Other::start("work", &path)).collect();
    others.iter_mut().for_each(|other| drop(other.read_line("ready")));
    others.iter_mut().for_each(Other::resume);
    let (mut claimed, mut claims) = (HashSet::new(), 0);
    for other in &mut others {
        loop {
            let line = other.read_line("");
            if let Some(id) = line.strip_prefix("claimed ") {
                claims += 1;
                claimed.insert(id.to_owned());
            } else if let Some(most) = line.strip_prefix("most ") {
                assert!(most.parse::<u32>().unwrap() <= 5, "{most} were leased at once");
                break;
            }
        }
    }
    assert_eq!((claims, claimed.len()), (ENTRIES, ENTRIES), "each was claimed once");
    assert_eq!(store.queues().await.unwrap()[0].done, u64::try_from(ENTRIES).unwrap());
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
}

#[tokio::test]
async fn what_another_process_stores_is_told_within_250_ms() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let mut news = store.watch(Watch::Ready);
    let mut other = Other::start("store", &path);
    other.read_line("ready");
    let mut late = Vec::new();
    for round in 1..=ROUNDS {
        other.resume();
        let stored = tokio::task::spawn_blocking(move || {
            other.read_line("stored");
            (other, Instant::now())
        });
        while store.queues().await.unwrap().first().is_none_or(|queue| queue.ready < round) {
            news.changed().await.unwrap();
        }
        let told = Instant::now();
        let stored = stored.await.unwrap();
        other = stored.0;
        late.push(told.saturating_duration_since(stored.1));
    }
    // A busy machine may be late now and then.
    late.sort_unstable();
    assert!(late[late.len() / 2] <= Duration::from_millis(250), "notified after {late:?}");
}

#[tokio::test]
async fn a_process_killed_during_a_write_has_written_nothing() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::builder(&path).busy_timeout(Duration::from_secs(60)).open().await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    let mut other = Other::start("hold", &path);
    other.read_line("holds");
    let (stored, killed) = tokio::join!(store.enqueue(vec![entry()]), async { other.child.kill() });
    stored.unwrap();
    killed.unwrap();
    assert_eq!(store.count(Filter::state(State::Ready)).await.unwrap(), 2);
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
}
