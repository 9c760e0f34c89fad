use std::{pin::Pin, sync::Arc};

use super::BoxError;
use martello_outbox::{Store, store::Clock};

/// An engine under test: separate data, on which stores can be opened.
pub trait Engine: Sized {
    /// The store of the engine.
    type Store: Store;

    /// Creates fresh data, or returns `None` if the engine is not available (its server is not running). The
    /// scenario then passes, so print that it was skipped.
    ///
    /// # Errors
    ///
    /// When the data cannot be created.
    fn fresh() -> impl Future<Output = Result<Option<Self>, BoxError>>;

    /// Opens another store on this data with this clock. All stores on the same data get the same clock.
    ///
    /// # Errors
    ///
    /// When the store cannot be opened.
    fn open(&self, clock: Clock) -> impl Future<Output = Result<Self::Store, BoxError>>;

    /// Deletes the data after every store on it was dropped. By default, it only drops the engine.
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
