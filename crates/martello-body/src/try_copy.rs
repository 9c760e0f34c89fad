use bytes::Bytes;
use http_body_util::{Either, Empty, Full};

/// A body that can be copied, so that a request can be sent again.
///
/// A retry layer asks for the copy before it sends the original, and for a copy of the copy before it sends
/// that. Implement it for a body whose copy is cheap.
///
/// ```
/// use bytes::Bytes;
/// use martello_body::TryCopy;
///
/// #[derive(Clone)]
/// struct Json(Bytes);
///
/// impl TryCopy for Json {
///     fn try_copy(&self, _cap: usize) -> Option<Self> {
///         Some(self.clone()) // shares its bytes
///     }
/// }
/// assert!(Json(Bytes::from("{}")).try_copy(0).is_some());
/// ```
pub trait TryCopy: Sized {
    /// A body that yields from the start what this one, not yet polled, will yield; `None` if there can be
    /// none.
    ///
    /// `cap` is the most that may be kept in memory to make the copy possible, in bytes. A body that shares
    /// its bytes with its copy keeps nothing for it.
    fn try_copy(&self, cap: usize) -> Option<Self>;

    /// A copy to read after all others, whichever of them were sent. An outbox asks for it before the first
    /// attempt, to store a request that could not be sent. `cap` is that of [`TryCopy::try_copy`].
    fn try_last_copy(&self, cap: usize) -> Option<Self> {
        self.try_copy(cap)
    }

    /// Whether this copy can still yield everything. It changes nothing.
    ///
    /// A copy that depends on a recording loses it when the original is longer than the cap or fails. Call
    /// this before you pay for another attempt, and [`TryCopy::switch_to_copy`] before you send it.
    fn is_intact(&self) -> bool {
        true
    }

    /// Makes this copy the one that is sent, and returns whether it can still yield everything.
    ///
    /// If it is [intact](TryCopy::is_intact), the original yields nothing more. Otherwise a connection that
    /// still sends the original could exceed the cap in the meantime.
    fn switch_to_copy(&self) -> bool {
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

    fn switch_to_copy(&self) -> bool {
        match self {
            Self::Left(left) => left.switch_to_copy(),
            Self::Right(right) => right.switch_to_copy(),
        }
    }
}
