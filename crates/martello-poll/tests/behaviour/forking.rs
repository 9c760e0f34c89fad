//! A service that starts processes while it polls.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use martello_poll::{Acquired, CheckpointStore, FileCheckpoint};

const SPAWNERS: usize = 4;
const LEASE: Duration = Duration::from_secs(60);

/// Starts processes in threads of its own until it is dropped. Each has, until it runs its program, all files
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
async fn a_checkpoint_that_was_let_go_is_free_though_a_child_was_forked_while_it_was_held() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("checkpoint");
    let spawning = Spawning::start();
    let acquiring = async {
        for turn in 0..2_000 {
            let store = FileCheckpoint::new(&path);
            let Acquired::Held(held) = store.acquire(LEASE).await.unwrap() else {
                panic!("turn {turn}: it is held elsewhere")
            };
            // It is let go by name, and by the end of the last clone.
            if turn % 2 == 0 {
                store.release(held.fence).await.unwrap();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), acquiring).await.unwrap();
    drop(spawning);
}
