use std::{
    fs::{File, TryLockError},
    io,
    ops::{Deref, DerefMut},
};

/// A file that nobody else has locked, unlocked by name when it is dropped.
///
/// Closing it is not enough: a process that another thread has just forked has the file, and with it the
/// lock, until it runs its program.
#[derive(Debug)]
pub(super) struct LockedFile(File);

impl LockedFile {
    pub(super) fn try_lock(file: File) -> Result<Self, TryLockError> {
        file.try_lock()?;
        Ok(Self(file))
    }

    /// Waits until nobody else has it.
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
        // If this fails, the file is closed all the same, which unlocks it unless it was inherited.
        let _ = self.0.unlock();
    }
}
