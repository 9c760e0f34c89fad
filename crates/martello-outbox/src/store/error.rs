use std::{borrow::Cow, error::Error, fmt};

use martello_outcome::{BoxError, Printable};

use crate::{EntryId, InvalidEntry, JobId, State};

/// What kept a store from doing what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// There is no such entry, or job.
    NotFound,
    /// The entry's state does not allow it, or it was edited meanwhile.
    Conflict,
    /// What was asked for makes no sense, such as a limit out of its range.
    Invalid,
    /// The place cannot be used as a store: no database, that of another program, of a newer version, damaged.
    Unusable,
    /// The place may not be written to.
    ReadOnly,
    /// There is no room left.
    Full,
    /// The store cannot be reached, or is overloaded: later it may work.
    Unavailable,
    /// Something else went wrong inside.
    Internal,
}

/// Why a store did not do what it was asked for. Unless the kind is [`Unavailable`](StoreErrorKind::Unavailable), the
/// data is as it was; in that case nobody knows, and to look is the only way to find out.
pub struct StoreError(Box<Inner>);

struct Inner {
    kind: StoreErrorKind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
}

impl StoreError {
    /// An error with a message, in lower case and without a full stop, that says what to do next and bears no secret.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// It took too long: whether it takes place, nobody knows.
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

    /// The entry is in a state that does not allow what was asked for.
    #[must_use]
    pub fn conflict(id: EntryId, state: State, wanted: State) -> Self {
        Self::new(StoreErrorKind::Conflict, format!("entry {id} is {state}, but must be {wanted}"))
    }

    /// The dead letter is [overtaken](crate::Overtaken).
    #[must_use]
    pub fn overtaken(id: EntryId) -> Self {
        let message = format!(
            "a newer request of the key of entry {id} was delivered, or may have been: look at the resource, or have \
             the replay overwrite it"
        );
        Self::new(StoreErrorKind::Conflict, message)
    }

    /// A newer entry of the dead letter's key is leased.
    #[must_use]
    pub fn overtaking(id: EntryId) -> Self {
        let message = format!(
            "a newer request of the key of entry {id} is being delivered: try again when it has ended"
        );
        Self::new(StoreErrorKind::Conflict, message)
    }

    /// An edit was made on a revision that is not the entry's last.
    #[must_use]
    pub fn outdated(id: EntryId, on: u32, last: u32) -> Self {
        let message = format!(
            "the last revision of entry {id} is {last}, not {on}: look at what was edited meanwhile, and edit that"
        );
        Self::new(StoreErrorKind::Conflict, message)
    }

    /// This error, caused by `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What kind of failure it was.
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
