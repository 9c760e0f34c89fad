//! The token of a claim, as workers carry it: its slot and the entry's place, so that a settlement needs no
//! search, and a random UUID, which is made and kept by the claim alone.
//!
//! It only has to differ from every other claim of its entry, also from those that a database put back from a
//! backup has forgotten. A counter could not promise that.

use std::sync::Arc;

use martello_outbox::store::Lease;
use uuid::Uuid;

/// A fence, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) slot: i32,
    pub(crate) seq: i64,
    pub(crate) token: Uuid,
}

impl Fence {
    /// One that no claim has: no slot has this number.
    pub(crate) const NONE: Self = Self { slot: -1, seq: -1, token: Uuid::nil() };

    /// The fence of a lease; [`NONE`](Self::NONE) if no store of this kind made it.
    pub(crate) fn of(lease: &Lease) -> Self {
        Self::parse(&lease.fence).unwrap_or(Self::NONE)
    }

    pub(crate) fn to_text(self) -> Arc<str> {
        format!("{}.{}.{}", self.slot, self.seq, self.token.simple()).into()
    }

    /// The parts of a fence; `None` if no store of this kind made it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (slot, rest) = text.split_once('.')?;
        let (seq, token) = rest.split_once('.')?;
        Some(Self { slot: slot.parse().ok()?, seq: seq.parse().ok()?, token: token.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Fence;

    #[test]
    fn a_fence_survives_its_text_and_nothing_else_is_one() {
        for fence in [Fence { slot: 1, seq: i64::MAX, token: Uuid::from_u128(7) }, Fence::NONE] {
            assert_eq!(Fence::parse(&fence.to_text()), Some(fence));
        }
        assert!(
            ["", "1", "1.2", "1.2.", "1..x", "1.2.3", "7.1"].iter().all(|text| Fence::parse(text).is_none())
        );
    }
}
