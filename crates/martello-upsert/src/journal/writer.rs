use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, task::JoinHandle, time::Instant};

use super::{Locked, entry};
use crate::{Record, state::State};

/// What has been written for so long is made durable: a loss of power costs no more.
const SYNC_EVERY: Duration = Duration::from_millis(100);

/// Appends lines to a file, all that wait in one write. A clone appends to the same.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Inner>);

struct Inner {
    file: Arc<Locked>,
    lines: Mutex<Vec<u8>>,
    turn: AsyncMutex<Turn>,
}

/// Whoever has it writes what waits.
struct Turn {
    broken: bool,
    synced: Instant,
    sync: Option<JoinHandle<io::Result<()>>>,
}

impl Writer {
    pub(super) fn new(file: Arc<Locked>) -> Self {
        let turn = Turn { broken: false, synced: Instant::now(), sync: None };
        Self(Arc::new(Inner { file, lines: Mutex::default(), turn: AsyncMutex::new(turn) }))
    }

    /// Writes a record: when this returns, the operating system has it, and it survives the end of this process.
    pub(crate) async fn append(&self, record: &Record, state: Option<State>) -> io::Result<()> {
        let line = entry::line(record, state)?;
        self.waiting(|lines| lines.extend_from_slice(&line));
        let mut turn = self.0.turn.lock().await;
        if turn.broken {
            return Err(io::Error::other("an earlier line could not be written"));
        }
        // Empty if whoever had the turn before has written it, too.
        let lines = self.waiting(mem::take);
        let written = if lines.is_empty() { Ok(()) } else { self.write(lines, &mut turn).await };
        turn.broken = written.is_err();
        written
    }

    /// Makes durable what was written.
    pub(crate) async fn finish(&self) -> io::Result<()> {
        let mut turn = self.0.turn.lock().await;
        if let Some(sync) = turn.sync.take() {
            sync.await??;
        }
        self.sync().await?
    }

    async fn write(&self, lines: Vec<u8>, turn: &mut Turn) -> io::Result<()> {
        let file = Arc::clone(&self.0.file);
        tokio::task::spawn_blocking(move || (&**file).write_all(&lines)).await??;
        if turn.sync.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(sync) = turn.sync.take()
        {
            sync.await??;
        }
        // Beside the next writes: a disk that takes its time holds nobody up.
        if turn.sync.is_none() && turn.synced.elapsed() >= SYNC_EVERY {
            turn.synced = Instant::now();
            turn.sync = Some(self.sync());
        }
        Ok(())
    }

    fn sync(&self) -> JoinHandle<io::Result<()>> {
        let file = Arc::clone(&self.0.file);
        tokio::task::spawn_blocking(move || file.sync_data())
    }

    fn waiting<R>(&self, work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        work(&mut self.0.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
