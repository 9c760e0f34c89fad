//! The thread that looks whether another process, or another store in this one, has changed the file.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use martello_outbox::engine::{Changes, Notifier};
use rusqlite::Connection;

use crate::sql;

/// How often it looks: two looks and a late thread come to less than the 250 ms that are promised.
const EVERY: Duration = Duration::from_millis(100);

/// The hold on the thread. When the last is dropped, it ends.
#[derive(Debug)]
pub(crate) struct WatcherHandle {
    wake: SyncSender<()>,
    closed: Arc<AtomicBool>,
}

/// The thread's side.
pub(crate) struct Watcher {
    connection: Connection,
    notifier: Notifier,
    woken: Receiver<()>,
    closed: Arc<AtomicBool>,
    /// What it saw when it looked last.
    seen: Option<i64>,
}

/// A thread to be, which sleeps while nobody subscribes. It has looked for the first time when this returns: a
/// thread that is late to start would take for old what happened until then.
pub(crate) fn watcher(connection: Connection, notifier: Notifier) -> (WatcherHandle, Watcher) {
    let (wake, woken) = sync_channel(1);
    let closed = Arc::new(AtomicBool::new(false));
    let seen = version(&connection);
    (
        WatcherHandle { wake, closed: Arc::clone(&closed) },
        Watcher { connection, notifier, woken, closed, seen },
    )
}

/// A number that changes when another connection has committed.
fn version(connection: &Connection) -> Option<i64> {
    let version: rusqlite::Result<_> = sql::one(connection, "PRAGMA data_version", [], |row| row.get(0));
    version.ok().flatten()
}

impl WatcherHandle {
    /// Somebody listens.
    pub(crate) fn wake(&self) {
        // If there is no room, it is being woken already; if it has ended, so has the store.
        let _ = self.wake.try_send(());
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.wake();
    }
}

impl Watcher {
    pub(crate) fn serve(mut self) {
        while !self.closed.load(Ordering::SeqCst) {
            let gone = if self.notifier.has_subscribers() {
                self.woken.recv_timeout(EVERY) == Err(RecvTimeoutError::Disconnected)
            } else {
                self.woken.recv().is_err()
            };
            if gone {
                return;
            }
            let now = version(&self.connection);
            // What cannot be read may have changed.
            if now.is_none() || now != self.seen {
                self.notifier.notify(Changes::ALL);
            }
            self.seen = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use martello_outbox::Watch;
    use rusqlite::Connection;

    use super::{Notifier, watcher};

    #[test]
    fn what_happened_before_the_thread_had_started_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Connection::open(directory.path().join("file.db")).unwrap();
        let notifier = Notifier::default();
        let (handle, watcher) = watcher(open(), notifier.clone());
        let mut heard = notifier.subscribe(Watch::Ended);
        open().execute_batch("CREATE TABLE another (made it)").unwrap();
        handle.wake();
        std::thread::scope(|scope| {
            scope.spawn(|| watcher.serve());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(heard.changed()).unwrap();
            handle.close();
        });
    }
}
