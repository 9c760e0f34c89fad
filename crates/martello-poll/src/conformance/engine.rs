use std::{error::Error, fmt, future::Future};

use martello_outcome::BoxError;

use crate::CheckpointStore;

/// An engine that is to be examined: data of its own, that is opened any number of times.
pub trait Engine: Sized {
    /// What is opened.
    type Store: CheckpointStore;

    /// Whether the lease of one store runs out for another. For a lock of the operating system it does not.
    const LEASES_EXPIRE: bool = true;

    /// New data, on which nothing was ever done; `None` if the engine is not to be had here.
    fn fresh() -> impl Future<Output = Result<Option<Self>, BoxError>>;

    /// Another store on this data.
    fn open(&self) -> impl Future<Output = Result<Self::Store, BoxError>>;

    /// Removes the data.
    fn remove(self) -> impl Future<Output = Result<(), BoxError>> {
        async { Ok(()) }
    }
}

/// What an engine did, and does not promise.
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
