use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    locked::Locked,
    open,
    text::{beside, read, unavailable, write},
};
use crate::checkpoint::{
    Acquired, Checkpoint, CheckpointError, Fence, Held, Save, Saved, parked::ParkingLot,
};

/// The files of a checkpoint.
#[derive(Debug)]
pub(super) struct Place {
    named: PathBuf,
    /// Where that leads to: looked up once, so that its lock and what is parked stay beside it.
    found: Option<PathBuf>,
    held: Option<Holding>,
}

/// The checkpoint is held by a poller of this process.
#[derive(Debug)]
struct Holding {
    fence: Fence,
    until: Instant,
    /// Locked, and with the last fence in it.
    lock: Locked,
}

impl Place {
    pub(super) fn new(path: &Path) -> Self {
        Self { named: path.to_owned(), found: None, held: None }
    }

    fn checkpoint(&mut self) -> Result<PathBuf, CheckpointError> {
        if let Some(found) = &self.found {
            return Ok(found.clone());
        }
        let found = open::target(&self.named).map_err(|error| unavailable("read", &self.named, error))?;
        Ok(self.found.insert(found).clone())
    }

    pub(super) fn acquire(&mut self, lease: Duration) -> Result<Acquired, CheckpointError> {
        let checkpoint = self.checkpoint()?;
        let path = beside(&checkpoint, ".lock");
        let failed = |error| unavailable("locked", &path, error);
        let mut lock = match self.held.take() {
            Some(holding) if holding.until > Instant::now() => {
                self.held = Some(holding);
                return Ok(Acquired::HeldElsewhere);
            }
            Some(Holding { lock, .. }) => lock,
            None => match Locked::try_lock(open::to_lock(&path, &checkpoint)?) {
                Ok(lock) => lock,
                Err(TryLockError::WouldBlock) => return Ok(Acquired::HeldElsewhere),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            },
        };
        let checkpoint = read(&checkpoint)?;
        let fence = next_fence(&mut lock).map_err(failed)?;
        self.held = Some(Holding { fence, until: Instant::now() + lease, lock });
        Ok(Acquired::Held(Held { fence, checkpoint }))
    }

    pub(super) fn renew(&mut self, fence: Fence, lease: Duration) -> bool {
        let held = self.held.as_mut().filter(|holding| holding.fence == fence);
        held.map(|holding| holding.until = Instant::now() + lease).is_some()
    }

    pub(super) fn save(&mut self, fence: Fence, save: Save) -> Result<Saved, CheckpointError> {
        if self.held.as_ref().is_none_or(|holding| holding.fence != fence) {
            return Ok(Saved::Fenced);
        }
        let Save { checkpoint, park, unpark } = save;
        if !(park.is_empty() && unpark.is_empty()) {
            self.change_parked(|lot| {
                if lot.change(&unpark, park) { Ok(()) } else { Err(CheckpointError::full()) }
            })?;
        }
        let path = self.checkpoint()?;
        write::<Checkpoint>(&path, &path, checkpoint)?;
        Ok(Saved::Saved)
    }

    pub(super) fn release(&mut self, fence: Fence) {
        self.held.take_if(|holding| holding.fence == fence);
    }

    pub(super) fn parked(&mut self) -> Result<ParkingLot, CheckpointError> {
        Ok(read(&beside(&self.checkpoint()?, ".parked"))?.unwrap_or_default())
    }

    /// Under a lock of its own, since whoever polls is not the only one to do so.
    pub(super) fn change_parked<T>(
        &mut self,
        change: impl FnOnce(&mut ParkingLot) -> Result<T, CheckpointError>,
    ) -> Result<T, CheckpointError> {
        let checkpoint = self.checkpoint()?;
        let parked = beside(&checkpoint, ".parked");
        let path = beside(&parked, ".lock");
        let lock = Locked::lock(open::to_lock(&path, &checkpoint)?);
        let lock = lock.map_err(|error| unavailable("locked", &path, error))?;
        let mut lot = self.parked()?;
        let changed = change(&mut lot)?;
        write(&parked, &checkpoint, lot)?;
        drop(lock);
        Ok(changed)
    }
}

/// The longest fence, in digits.
const DIGITS: u64 = 20;

/// The fence after the one in the file.
fn next_fence(file: &mut File) -> io::Result<Fence> {
    let mut text = String::new();
    file.rewind()?;
    file.take(DIGITS).read_to_string(&mut text)?;
    // A file that was cut off by a crash begins anew: nobody has outlived that crash.
    let fence = text.trim().parse::<u64>().unwrap_or_default().saturating_add(1);
    file.rewind()?;
    file.set_len(0)?;
    write!(file, "{fence}")?;
    Ok(Fence(fence))
}
