use std::{borrow::Cow, error::Error, fmt};

use martello_outcome::{BoxError, Printable};

use crate::{EntryId, InvalidEntry, JobId, State};

/// The kind of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The entry or the replay does not exist.
    NotFound,
    /// The entry's state does not allow it, or it was edited meanwhile.
    Conflict,
    /// An argument is invalid, such as a limit out of its range.
    Invalid,
    /// The file or database cannot be used as a store: it is not a database, belongs to another program or a
    /// newer version, or is damaged.
    Unusable,
    /// The file or database is read-only.
    ReadOnly,
    /// No space is left.
    Full,
    /// The store cannot be reached or is overloaded. Try again later.
    Unavailable,
    /// Another error inside the store.
    Internal,
}

/// The error of an operation of a store.
///
/// The operation has changed nothing, unless the kind is [`Unavailable`](StoreErrorKind::Unavailable). Then
/// it is unknown whether the operation took place: read the entry to find out.
pub struct StoreError(Box<Inner>);

struct Inner {
    kind: StoreErrorKind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
}

impl StoreError {
    /// Creates an error. The message is in lower case and without a full stop, says what to do, and has no
    /// secret in it.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// The operation did not end in time. It is unknown whether it takes place.
    pub(crate) fn late() -> Self {
        Self::new(StoreErrorKind::Unavailable, "the store did not answer in time")
    }

    /// No entry has this id.
    #[must_use]
    pub fn no_entry(id: EntryId) -> Self {
        Self::new(StoreErrorKind::NotFound, format!("there is no entry {id}"))
    }

    /// No replay has this id.
    #[must_use]
    pub fn no_replay(id: JobId) -> Self {
        Self::new(StoreErrorKind::NotFound, format!("there is no replay {id}"))
    }

    /// The entry is in a state that does not allow the operation.
    #[must_use]
    pub fn conflict(id: EntryId, state: State, wanted: State) -> Self {
        Self::new(StoreErrorKind::Conflict, format!("entry {id} is {state}, but must be {wanted}"))
    }

    /// The dead letter is [overtaken](crate::Overtaken).
    #[must_use]
    pub fn overtaken(id: EntryId) -> Self {
        let message = format!(
            "entry {id} is overtaken: a newer request of its key was delivered, or may have been; check the resource, \
             or replay with overwrite"
        );
        Self::new(StoreErrorKind::Conflict, message)
    }

    /// A newer entry of the dead letter's key is leased.
    #[must_use]
    pub fn overtaking(id: EntryId) -> Self {
        let message = format!(
            "a newer request of the key of entry {id} is being delivered: try again after its delivery"
        );
        Self::new(StoreErrorKind::Conflict, message)
    }

    /// An edit was made on a revision that is not the entry's last.
    #[must_use]
    pub fn outdated(id: EntryId, on: u32, last: u32) -> Self {
        let message = format!(
            "entry {id} was edited meanwhile: its last revision is {last}, not {on}; read that and edit it"
        );
        Self::new(StoreErrorKind::Conflict, message)
    }

    /// Sets the cause of this error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.0.kind
    }
}

impl From<InvalidEntry> for StoreError {
    fn from(error: InvalidEntry) -> Self {
        Self::new(StoreErrorKind::Invalid, error.to_string())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable::new(&self.0.message))
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
