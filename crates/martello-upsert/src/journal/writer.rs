use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Mutex as AsyncMutex, task::JoinHandle, time::Instant};

use super::{Locked, entry};
use crate::{Record, state::State};

/// How often the file is synced: a loss of power loses no more than this.
const SYNC_EVERY: Duration = Duration::from_millis(100);

/// Appends lines to a file, with one write for all lines that wait. A clone appends to the same file.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Inner>);

struct Inner {
    file: Arc<Locked>,
    lines: Mutex<Vec<u8>>,
    state: AsyncMutex<FileState>,
}

/// The state of the file. The task that holds its lock writes all lines that wait.
struct FileState {
    broken: bool,
    synced: Instant,
    sync: Option<JoinHandle<io::Result<()>>>,
}

impl Writer {
    pub(super) fn new(file: Arc<Locked>) -> Self {
        let state = FileState { broken: false, synced: Instant::now(), sync: None };
        Self(Arc::new(Inner { file, lines: Mutex::default(), state: AsyncMutex::new(state) }))
    }

    /// Writes a record. When this returns, the record survives the end of this process.
    pub(crate) async fn append(&self, record: &Record, whole: Option<State>) -> io::Result<()> {
        let line = entry::line(record, whole)?;
        self.waiting(|lines| lines.extend_from_slice(&line));
        let mut state = self.0.state.lock().await;
        if state.broken {
            return Err(io::Error::other("an earlier line could not be written"));
        }
        // Empty if another task has written this line too.
        let lines = self.waiting(mem::take);
        let written = if lines.is_empty() { Ok(()) } else { self.write(lines, &mut state).await };
        state.broken = written.is_err();
        written
    }

    /// Syncs the file.
    pub(crate) async fn finish(&self) -> io::Result<()> {
        let mut state = self.0.state.lock().await;
        if let Some(sync) = state.sync.take() {
            sync.await??;
        }
        self.sync().await?
    }

    async fn write(&self, lines: Vec<u8>, state: &mut FileState) -> io::Result<()> {
        let file = Arc::clone(&self.0.file);
        tokio::task::spawn_blocking(move || (&**file).write_all(&lines)).await??;
        if state.sync.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(sync) = state.sync.take()
        {
            sync.await??;
        }
        // In the background, so that a slow disk does not delay the next writes.
        if state.sync.is_none() && state.synced.elapsed() >= SYNC_EVERY {
            state.synced = Instant::now();
            state.sync = Some(self.sync());
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
