//! A process that forks children while it runs upserts.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use martello_upsert::Journal;

use crate::support::{Memory, rows, target, upserts};

const SPAWNERS: usize = 4;

/// Starts processes in other threads until it is dropped. Until it executes its program, each has all files
/// that are open.
struct Spawning {
    ended: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Spawning {
    fn start() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let spawn = |_| {
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                while !ended.load(Ordering::SeqCst) {
                    Command::new("true").status().unwrap();
                }
            })
        };
        let threads = (0..SPAWNERS).map(spawn).collect();
        Self { ended, threads }
    }
}

impl Drop for Spawning {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

#[tokio::test]
async fn a_dropped_journal_is_unlocked_although_a_child_was_forked_while_it_was_open() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let spawning = Spawning::start();
    let opening = async {
        for _ in 0..1_000 {
            drop(Journal::open(&path, "orders", target()).await.unwrap());
        }
        for _ in 0..20 {
            let journal = Journal::open(&path, "orders", target()).await.unwrap();
            let server = Memory::new(|_, _| (200, Duration::ZERO));
            upserts(&server).journal(journal).run(rows([("a", 1), ("b", 2)])).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), opening).await.unwrap();
    drop(spawning);
}
