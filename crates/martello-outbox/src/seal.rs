use std::{fmt, sync::Arc};

use bytes::Bytes;
use martello_outcome::BoxError;

use crate::EntryId;

type Transform = dyn Fn(EntryId, Bytes) -> Result<Bytes, BoxError> + Send + Sync;

/// Two functions that seal bodies before they are stored and open them before they are sent. A clone shares
/// both.
///
/// Each function gets the id of the entry. Use it as associated data, so that a sealed body cannot be moved
/// to another entry. Use authenticated encryption (an AEAD such as that of RFC 8439).
///
/// Both run on the task that stores or sends, so they should be fast. A request whose body cannot be sealed
/// is not stored. An entry whose body cannot be opened becomes a dead letter, so that you can replay it with
/// the right key.
///
/// ```
/// use martello_outbox::{EntryId, Sealing};
/// # use bytes::Bytes;
/// # fn encrypt(_: EntryId, body: Bytes) -> Bytes { body }
/// # fn decrypt(_: EntryId, body: Bytes) -> Option<Bytes> { Some(body) }
///
/// let sealing = Sealing::new(
///     |id, body| Ok(encrypt(id, body)),
///     |id, body| decrypt(id, body).ok_or_else(|| "the key is wrong".into()),
/// );
/// ```
#[derive(Clone)]
pub struct Sealing {
    seal: Arc<Transform>,
    open: Arc<Transform>,
}

impl Sealing {
    /// Creates a sealing from the function that seals and the one that opens.
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
