//! The thread that looks whether another process, or another store in this one, has changed the file.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use rusqlite::Connection;

use crate::{
    bells::{Bells, News},
    sql,
};

/// How often it looks: two looks and a late thread come to less than the 250 ms that are promised.
const EVERY: Duration = Duration::from_millis(100);

/// The hold on the thread. When the last is dropped, it ends.
#[derive(Debug)]
pub(crate) struct Watching {
    wake: SyncSender<()>,
    closed: Arc<AtomicBool>,
}

/// The thread's side.
pub(crate) struct Watcher {
    connection: Connection,
    bells: Bells,
    woken: Receiver<()>,
    closed: Arc<AtomicBool>,
}

/// A thread to be, which sleeps while nobody listens to the bells.
pub(crate) fn watcher(connection: Connection, bells: Bells) -> (Watching, Watcher) {
    let (wake, woken) = sync_channel(1);
    let closed = Arc::new(AtomicBool::new(false));
    (Watching { wake, closed: Arc::clone(&closed) }, Watcher { connection, bells, woken, closed })
}

impl Watching {
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
    pub(crate) fn serve(&self) {
        let mut seen = self.version();
        while !self.closed.load(Ordering::SeqCst) {
            let gone = if self.bells.are_heard() {
                self.woken.recv_timeout(EVERY) == Err(RecvTimeoutError::Disconnected)
            } else {
                self.woken.recv().is_err()
            };
            if gone {
                return;
            }
            let now = self.version();
            // What cannot be read may have changed.
            if now.is_none() || now != seen {
                self.bells.ring(News::ALL);
            }
            seen = now;
        }
    }

    /// A number that changes when another connection has committed.
    fn version(&self) -> Option<i64> {
        let read = |row: &rusqlite::Row<'_>| row.get(0);
        let version: rusqlite::Result<_> = sql::one(&self.connection, "PRAGMA data_version", [], read);
        version.ok().flatten()
    }
}
