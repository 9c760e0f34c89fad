use bytes::Bytes;
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

    /// A copy for when every other is over, whichever of them were sent: who stores a request that could not be sent
    /// asks for it before the first attempt. What [`TryCopy::try_copy`] says of the cap holds.
    fn try_last_copy(&self, cap: usize) -> Option<Self> {
        self.try_copy(cap)
    }

    /// Whether this copy can still yield everything, without deciding anything.
    ///
    /// A copy that depends on a recording can have lost it, when the original turned out longer than the cap or failed.
    /// Ask it before something is given up or paid for that only another attempt is worth; [`TryCopy::claim`] decides.
    fn is_intact(&self) -> bool {
        true
    }

    /// Decides that this copy is sent from now on, and says whether it can still yield everything.
    ///
    /// If it is [intact](TryCopy::is_intact), the original yields nothing more: a connection may still be sending it, and
    /// would outgrow the cap in the meantime.
    fn claim(&self) -> bool {
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

impl TryCopy for Full<Bytes> {
    fn try_copy(&self, _cap: usize) -> Option<Self> {
        Some(self.clone())
    }
}

impl TryCopy for Full<&'static [u8]> {
    fn try_copy(&self, _cap: usize) -> Option<Self> {
        Some(*self)
    }
}

impl<L: TryCopy, R: TryCopy> TryCopy for Either<L, R> {
    fn try_copy(&self, cap: usize) -> Option<Self> {
        match self {
            Self::Left(left) => left.try_copy(cap).map(Self::Left),
            Self::Right(right) => right.try_copy(cap).map(Self::Right),
        }
    }

    fn try_last_copy(&self, cap: usize) -> Option<Self> {
        match self {
            Self::Left(left) => left.try_last_copy(cap).map(Self::Left),
            Self::Right(right) => right.try_last_copy(cap).map(Self::Right),
        }
    }

    fn is_intact(&self) -> bool {
        match self {
            Self::Left(left) => left.is_intact(),
            Self::Right(right) => right.is_intact(),
        }
    }

    fn claim(&self) -> bool {
        match self {
            Self::Left(left) => left.claim(),
            Self::Right(right) => right.claim(),
        }
    }
}
