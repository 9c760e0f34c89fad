use std::fmt;

use crate::UpsertOutcome;

/// How many entities ended with each outcome.
///
/// ```
/// use martello_upsert::{Counts, UpsertOutcome};
///
/// let counts = Counts::default();
/// assert_eq!((counts.total(), counts.get(UpsertOutcome::Created)), (0, 0));
/// assert_eq!(counts.iter().count(), 0);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; UpsertOutcome::ALL.len()]);

impl Counts {
    /// How many entities ended with this outcome.
    #[must_use]
    pub fn get(&self, outcome: UpsertOutcome) -> u64 {
        self.sum(|each| each == outcome)
    }

    /// How many entities ended.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sum(|_| true)
    }

    /// How many entities are written: created, updated or unchanged.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.sum(UpsertOutcome::is_written)
    }

    /// How many entities failed: conflict, rejected, exhausted or ambiguous.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.sum(UpsertOutcome::is_failure)
    }

    /// The outcomes with a count above zero.
    pub fn iter(&self) -> impl Iterator<Item = (UpsertOutcome, u64)> + '_ {
        UpsertOutcome::ALL.iter().copied().zip(self.0).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, outcome: UpsertOutcome) {
        let index = UpsertOutcome::ALL.iter().position(|each| *each == outcome);
        if let Some(count) = index.and_then(|index| self.0.get_mut(index)) {
            *count += 1;
        }
    }

    fn sum(&self, of: impl Fn(UpsertOutcome) -> bool) -> u64 {
        self.iter().filter(|(outcome, _)| of(*outcome)).map(|(_, count)| count).sum()
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
