//! How a layer comes by a second body.

use std::fmt;

use martello_body::TryCopy;

/// Makes the copy of a body that is sent by a later attempt.
pub trait CopyBody<B> {
    /// A body that yields what `body` will yield; `None` sends the request once only.
    fn copy(&self, body: &B, cap: usize) -> Option<B>;

    /// Whether this copy can still yield everything, without deciding anything.
    fn is_intact(&self, body: &B) -> bool;

    /// Decides that this copy is sent from now on, and says whether it can still yield everything.
    fn claim(&self, body: &B) -> bool;
}

/// Copies bodies that know how to be copied: [`TryCopy`].
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

    fn claim(&self, body: &B) -> bool {
        body.claim()
    }
}

/// Copies foreign bodies with a function of the user's.
pub struct CopyWith<B>(pub(crate) fn(&B) -> Option<B>);

impl<B> CopyBody<B> for CopyWith<B> {
    fn copy(&self, body: &B, _cap: usize) -> Option<B> {
        (self.0)(body)
    }

    fn is_intact(&self, _body: &B) -> bool {
        true
    }

    fn claim(&self, _body: &B) -> bool {
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
