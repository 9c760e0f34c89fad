use std::{
    fs::{File, TryLockError},
    ops::Deref,
};

/// An exclusively locked file, which is explicitly unlocked when dropped.
///
/// Closing the file does not always unlock it: a process that another thread has just forked inherits the
/// file and the lock until it executes its program.
#[derive(Debug)]
pub(super) struct Locked(File);

impl Locked {
    pub(super) fn try_lock(file: File) -> Result<Self, TryLockError> {
        file.try_lock()?;
        Ok(Self(file))
    }

    #[cfg(test)]
    pub(super) fn unlocked(file: File) -> Self {
        Self(file)
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // If this fails, closing the file still unlocks it unless it was inherited.
        let _ = self.0.unlock();
    }
}
