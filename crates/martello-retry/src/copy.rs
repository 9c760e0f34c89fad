//! How a layer copies a request's body.

use std::fmt;

use martello_body::TryCopy;

/// Copies a request's body for a later attempt. [`ByTryCopy`] and [`CopyWith`] implement it.
///
/// ```
/// use martello_body::Body;
/// use martello_retry::{ByTryCopy, CopyBody};
///
/// let copier = ByTryCopy::default();
/// let copy = copier.copy(&Body::from("{}"), 1024);
/// assert!(copy.is_some_and(|copy| copier.is_intact(&copy)));
/// ```
pub trait CopyBody<B> {
    /// Returns a body that yields what `body` will yield. With `None` the request is sent only once.
    fn copy(&self, body: &B, cap: usize) -> Option<B>;

    /// Whether this copy can still yield everything. Changes nothing.
    fn is_intact(&self, body: &B) -> bool;

    /// Chooses this copy to be sent from now on, and returns whether it can still yield everything.
    fn switch_to_copy(&self, body: &B) -> bool;
}

/// Copies bodies that implement [`TryCopy`].
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct ByTryCopy;

impl<B: TryCopy> CopyBody<B> for ByTryCopy {
    fn copy(&self, body: &B, cap: usize) -> Option<B> {
        body.try_copy(cap)
    }

    fn is_intact(&self, body: &B) -> bool {
        body.is_intact()
    }

    fn switch_to_copy(&self, body: &B) -> bool {
        body.switch_to_copy()
    }
}

/// Copies bodies with a function: see [`RetryLayer::copy_with`](crate::RetryLayer::copy_with).
pub struct CopyWith<B>(pub(crate) fn(&B) -> Option<B>);

impl<B> CopyBody<B> for CopyWith<B> {
    fn copy(&self, body: &B, _cap: usize) -> Option<B> {
        (self.0)(body)
    }

    fn is_intact(&self, _body: &B) -> bool {
        true
    }

    fn switch_to_copy(&self, _body: &B) -> bool {
        true
    }
}

impl<B> Copy for CopyWith<B> {}

impl<B> Clone for CopyWith<B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> fmt::Debug for CopyWith<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CopyWith(fn)")
    }
}
