//! The fence of a claim, as workers carry it: the entry's position, so that a settlement needs no search, and
//! 64 random bits, which the claim makes.
//!
//! A fence must differ from every other claim of its entry, including claims that a file restored from a
//! backup no longer contains. A counter could not guarantee that. Two random fences of 64 bits are
//! practically never equal.

use std::sync::Arc;

/// The parts of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    pub(crate) seq: i64,
    pub(crate) token: i64,
}

impl Fence {
    pub(crate) fn to_text(self) -> Arc<str> {
        format!("{}.{}", self.seq, self.token).into()
    }

    /// Parses a fence; `None` if no store of this kind made it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (seq, token) = text.split_once('.')?;
        Some(Self { seq: seq.parse().ok()?, token: token.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::Fence;

    #[test]
    fn a_fence_survives_its_text_and_nothing_else_is_one() {
        for fence in [Fence { seq: 1, token: i64::MIN }, Fence { seq: i64::MAX, token: 7 }] {
            assert_eq!(Fence::parse(&fence.to_text()), Some(fence));
        }
        assert!(["", "1", "1.", ".1", "1.x", "1.2.3"].iter().all(|text| Fence::parse(text).is_none()));
    }
}
