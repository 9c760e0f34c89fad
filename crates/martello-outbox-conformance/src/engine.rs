use std::{pin::Pin, sync::Arc};

use super::BoxError;
use martello_outbox::{Store, store::Clock};

/// An engine under test: data of its own, apart from all other, that stores can be opened on.
pub trait Engine: Sized {
    /// What is opened on it.
    type Store: Store;

    /// Data that nobody has used, or `None` where the engine is not to be had (its server is not there): then the
    /// scenario counts as kept, so say plainly that it was skipped.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    fn fresh() -> impl Future<Output = Result<Option<Self>, BoxError>>;

    /// Opens one more store on this data, that goes by this clock. All of one data are opened with the same clock.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    fn open(&self, clock: Clock) -> impl Future<Output = Result<Self::Store, BoxError>>;

    /// Clears the data away, once every store on it has been dropped. Unless it is written, what dropping
    /// does is enough.
    fn remove(self) -> impl Future<Output = ()> {
        async {}
    }
}

type Opening<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Store>, BoxError>> + 'a>>;

/// An [`Engine`] whose stores are of any type.
pub(super) trait Open {
    fn store(&self, clock: Clock) -> Opening<'_>;
}

impl<E: Engine> Open for E {
    fn store(&self, clock: Clock) -> Opening<'_> {
        Box::pin(async move { Ok(Arc::new(self.open(clock).await?) as Arc<dyn Store>) })
    }
}
