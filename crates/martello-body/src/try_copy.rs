use bytes::Buf;
use http_body_util::{Either, Empty, Full};

/// A body of which there can be a second one that yields the same.
///
/// A retry layer asks for the copy before it sends the original, and for a copy of the copy before it sends
/// that. Implement it for a body whose copy is cheap.
pub trait TryCopy: Sized {
    /// A body that yields from the start what this one, not yet polled, will yield; `None` if there can be none.
    ///
    /// `cap` is the most that may be kept in memory to make the copy possible, in bytes. A body that shares
    /// its bytes with its copy keeps nothing for it.
    fn try_copy(&self, cap: usize) -> Option<Self>;

    /// Whether this copy can still yield everything: a copy that depends on a recording can lose it, when
    /// the original turns out longer than the cap or fails.
    fn is_intact(&self) -> bool {
        true
    }
}

impl TryCopy for () {
    fn try_copy(&self, _cap: usize) -> Option<Self> {
        Some(())
    }
}

impl<D> TryCopy for Empty<D> {
    fn try_copy(&self, _cap: usize) -> Option<Self> {
        Some(Self::new())
    }
}

impl<D: Buf + Clone> TryCopy for Full<D> {
    fn try_copy(&self, _cap: usize) -> Option<Self> {
        Some(self.clone())
    }
}

impl<L: TryCopy, R: TryCopy> TryCopy for Either<L, R> {
    fn try_copy(&self, cap: usize) -> Option<Self> {
        match self {
            Self::Left(left) => left.try_copy(cap).map(Self::Left),
            Self::Right(right) => right.try_copy(cap).map(Self::Right),
        }
    }

    fn is_intact(&self) -> bool {
        match self {
            Self::Left(left) => left.is_intact(),
            Self::Right(right) => right.is_intact(),
        }
    }
}
