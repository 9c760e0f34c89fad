use std::{
    fs::{File, TryLockError},
    io,
    ops::{Deref, DerefMut},
};

/// A file with an exclusive lock, which is released explicitly on drop.
///
/// Closing the file is not enough: a process that another thread has just forked inherits the open file and
/// its lock until it executes its program.
#[derive(Debug)]
pub(super) struct LockedFile(File);

impl LockedFile {
    pub(super) fn try_lock(file: File) -> Result<Self, TryLockError> {
        file.try_lock()?;
        Ok(Self(file))
    }

    /// Waits for the lock.
    pub(super) fn lock(file: File) -> io::Result<Self> {
        file.lock()?;
        Ok(Self(file))
    }
}

impl Deref for LockedFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl DerefMut for LockedFile {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        // If this fails, closing the file releases the lock, unless a child process inherited it.
        let _ = self.0.unlock();
    }
}
