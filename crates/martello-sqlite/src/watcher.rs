//! The thread that notices changes of the file by other connections, in this process or another.

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

/// The interval between two looks. Two intervals and some delay stay below the promised 250 ms.
const EVERY: Duration = Duration::from_millis(100);

/// The handle to the thread. When the last is dropped, the thread ends.
#[derive(Debug)]
pub(crate) struct WatcherHandle {
    wake: SyncSender<()>,
    closed: Arc<AtomicBool>,
}

/// The state of the thread.
pub(crate) struct Watcher {
    connection: Connection,
    notifier: Notifier,
    woken: Receiver<()>,
    closed: Arc<AtomicBool>,
    /// The version at the last look.
    seen: Option<i64>,
}

/// Makes the watcher and its handle. The thread sleeps while there are no subscribers. The first look happens
/// here: a thread that starts late would miss the changes before its own first look.
pub(crate) fn watcher(connection: Connection, notifier: Notifier) -> (WatcherHandle, Watcher) {
    let (wake, woken) = sync_channel(1);
    let closed = Arc::new(AtomicBool::new(false));
    let seen = version(&connection);
    (
        WatcherHandle { wake, closed: Arc::clone(&closed) },
        Watcher { connection, notifier, woken, closed, seen },
    )
}

/// A number that changes with each commit of another connection.
fn version(connection: &Connection) -> Option<i64> {
    let version: rusqlite::Result<_> = sql::one(connection, "PRAGMA data_version", [], |row| row.get(0));
    version.ok().flatten()
}

impl WatcherHandle {
    /// Wakes the thread, because there is a subscriber.
    pub(crate) fn wake(&self) {
        // Sending fails when a wake-up is pending already, or when the thread has ended.
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
            // If the version cannot be read, assume a change.
            if now.is_none() || now != self.seen {
                self.notifier.notify(Changes::ALL);
            }
            self.seen = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use martello_outbox::store::Watch;
    use rusqlite::Connection;

    use super::{Notifier, watcher};

    #[test]
    fn a_change_before_the_thread_starts_is_noticed() {
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
