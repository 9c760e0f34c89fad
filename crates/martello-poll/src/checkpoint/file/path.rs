use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    json::{read, with_suffix, write},
    locked::LockedFile,
    open::{self, unavailable},
};
use crate::checkpoint::{
    Acquired, Checkpoint, CheckpointError, Fence, Held, Save, Saved, parked::ParkedItems,
};

/// The path of a checkpoint, its lock, and the files beside it.
#[derive(Debug)]
pub(super) struct CheckpointPath {
    given: PathBuf,
    /// The path with links resolved. It is resolved once, so that the lock and the parked items stay beside
    /// it.
    resolved: Option<PathBuf>,
    held: Option<HeldLock>,
}

/// A poller of this process holds the checkpoint.
#[derive(Debug)]
struct HeldLock {
    fence: Fence,
    until: Instant,
    /// The locked file. It contains the last fence.
    lock: LockedFile,
}

impl CheckpointPath {
    pub(super) fn new(path: &Path) -> Self {
        Self { given: path.to_owned(), resolved: None, held: None }
    }

    fn checkpoint(&mut self) -> Result<PathBuf, CheckpointError> {
        if let Some(resolved) = &self.resolved {
            return Ok(resolved.clone());
        }
        let resolved =
            open::resolve_links(&self.given).map_err(|error| unavailable("read", &self.given, error))?;
        Ok(self.resolved.insert(resolved).clone())
    }

    pub(super) fn acquire(&mut self, lease: Duration) -> Result<Acquired, CheckpointError> {
        let checkpoint = self.checkpoint()?;
        let path = with_suffix(&checkpoint, ".lock");
        let failed = |error| unavailable("locked", &path, error);
        let mut lock = match self.held.take() {
            Some(held) if held.until > Instant::now() => {
                self.held = Some(held);
                return Ok(Acquired::HeldElsewhere);
            }
            Some(HeldLock { lock, .. }) => lock,
            None => match LockedFile::try_lock(open::for_locking(&path, &checkpoint)?) {
                Ok(lock) => lock,
                Err(TryLockError::WouldBlock) => return Ok(Acquired::HeldElsewhere),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            },
        };
        let checkpoint = read(&checkpoint)?;
        let fence = next_fence(&mut lock).map_err(failed)?;
        self.held = Some(HeldLock { fence, until: Instant::now() + lease, lock });
        Ok(Acquired::Held(Held { fence, checkpoint }))
    }

    pub(super) fn renew(&mut self, fence: Fence, lease: Duration) -> bool {
        let held = self.held.as_mut().filter(|held| held.fence == fence);
        held.map(|held| held.until = Instant::now() + lease).is_some()
    }

    pub(super) fn save(&mut self, fence: Fence, save: Save) -> Result<Saved, CheckpointError> {
        if self.held.as_ref().is_none_or(|held| held.fence != fence) {
            return Ok(Saved::Fenced);
        }
        let Save { checkpoint, park, unpark } = save;
        if !(park.is_empty() && unpark.is_empty()) {
            self.change_parked(|parked_items| {
                if parked_items.change(&unpark, park) { Ok(()) } else { Err(CheckpointError::full()) }
            })?;
        }
        let path = self.checkpoint()?;
        write::<Checkpoint>(&path, &path, checkpoint)?;
        Ok(Saved::Saved)
    }

    pub(super) fn release(&mut self, fence: Fence) {
        self.held.take_if(|held| held.fence == fence);
    }

    pub(super) fn parked(&mut self) -> Result<ParkedItems, CheckpointError> {
        Ok(read(&with_suffix(&self.checkpoint()?, ".parked"))?.unwrap_or_default())
    }

    /// Changes the parked items under a lock of their own, because processes without the lease change them
    /// too.
    pub(super) fn change_parked<T>(
        &mut self,
        change: impl FnOnce(&mut ParkedItems) -> Result<T, CheckpointError>,
    ) -> Result<T, CheckpointError> {
        let checkpoint = self.checkpoint()?;
        let parked = with_suffix(&checkpoint, ".parked");
        let path = with_suffix(&parked, ".lock");
        let lock = LockedFile::lock(open::for_locking(&path, &checkpoint)?);
        let lock = lock.map_err(|error| unavailable("locked", &path, error))?;
        let mut parked_items = self.parked()?;
        let changed = change(&mut parked_items)?;
        write(&parked, &checkpoint, parked_items)?;
        drop(lock);
        Ok(changed)
    }
}

/// The most digits of a fence.
const MAX_FENCE_DIGITS: u64 = 20;

/// Increments the fence in the file, and returns it.
fn next_fence(file: &mut File) -> io::Result<Fence> {
    let mut text = String::new();
    file.rewind()?;
    file.take(MAX_FENCE_DIGITS).read_to_string(&mut text)?;
    // A crash may truncate the file. The fence then starts at 1: no holder has survived that crash.
    let fence = text.trim().parse::<u64>().unwrap_or_default().saturating_add(1);
    file.rewind()?;
    file.set_len(0)?;
    write!(file, "{fence}")?;
    Ok(Fence(fence))
}
