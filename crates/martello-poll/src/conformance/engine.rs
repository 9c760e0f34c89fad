use std::{error::Error, fmt, future::Future};

use martello_outcome::BoxError;

use crate::CheckpointStore;

/// An engine under test: it has its own data, which can be opened any number of times.
pub trait Engine: Sized {
    /// The store under test.
    type Store: CheckpointStore;

    /// Whether the lease of one store expires for another. An operating system lock does not.
    const LEASES_EXPIRE: bool = true;

    /// Creates new, empty data; `None` if the engine is not available here.
    fn fresh() -> impl Future<Output = Result<Option<Self>, BoxError>>;

    /// Opens another store on this data.
    fn open(&self) -> impl Future<Output = Result<Self::Store, BoxError>>;

    /// Removes the data.
    fn remove(self) -> impl Future<Output = Result<(), BoxError>> {
        async { Ok(()) }
    }
}

/// A promise of [`CheckpointStore`] that an engine broke.
#[derive(Debug)]
pub struct Violation(String);

impl Violation {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Violation {}
