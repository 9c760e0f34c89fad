//! A body that reads the reason of its drop.

use std::sync::{Arc, OnceLock};

use martello_outcome::Abandoned;

/// Why it was dropped, once it was.
pub(crate) type Told = Arc<OnceLock<Option<Abandoned>>>;

pub(crate) struct Asks(Told);

impl Asks {
    pub(crate) fn new() -> (Self, Told) {
        let told = Told::default();
        (Self(Arc::clone(&told)), told)
    }
}

impl Drop for Asks {
    fn drop(&mut self) {
        self.0.set(Abandoned::reason()).unwrap();
    }
}
