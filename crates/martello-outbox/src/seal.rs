use std::{fmt, sync::Arc};

use bytes::Bytes;
use martello_outcome::BoxError;

use crate::EntryId;

type Transform = dyn Fn(EntryId, Bytes) -> Result<Bytes, BoxError> + Send + Sync;

/// How bodies are sealed before they are stored, and opened before they are sent. A clone shares the two functions.
///
/// Each is given the entry's id, which belongs into the sealed data as associated data, so that a sealed body cannot be
/// moved to another entry. What seals should authenticate as well: an AEAD such as RFC 8439's.
///
/// Both are called on the task that stores or sends: they should be quick. A body that cannot be sealed is
/// not stored; an entry whose body cannot be opened becomes a dead letter, so that it can be looked at with
/// the right key.
#[derive(Clone)]
pub struct Sealing {
    seal: Arc<Transform>,
    open: Arc<Transform>,
}

impl Sealing {
    /// Sealing by a pair of functions.
    pub fn new<S, O>(seal: S, open: O) -> Self
    where
        S: Fn(EntryId, Bytes) -> Result<Bytes, BoxError> + Send + Sync + 'static,
        O: Fn(EntryId, Bytes) -> Result<Bytes, BoxError> + Send + Sync + 'static,
    {
        Self { seal: Arc::new(seal), open: Arc::new(open) }
    }

    pub(crate) fn seal(&self, id: EntryId, body: Bytes) -> Result<Bytes, BoxError> {
        (self.seal)(id, body)
    }

    pub(crate) fn open(&self, id: EntryId, body: Bytes) -> Result<Bytes, BoxError> {
        (self.open)(id, body)
    }
}

impl fmt::Debug for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealing").finish_non_exhaustive()
    }
}
