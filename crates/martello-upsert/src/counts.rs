use std::fmt;

use crate::UpsertOutcome;

/// How many entities came to which outcome.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u64; UpsertOutcome::ALL.len()]);

impl Counts {
    /// How many came to this outcome.
    #[must_use]
    pub fn get(&self, outcome: UpsertOutcome) -> u64 {
        self.sum(|each| each == outcome)
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sum(|_| true)
    }

    /// How many the server has as they were sent.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.sum(UpsertOutcome::is_written)
    }

    /// How many need somebody to do something about them: conflict, rejected, exhausted and ambiguous.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.sum(UpsertOutcome::is_failure)
    }

    /// The outcomes that there were, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (UpsertOutcome, u64)> + '_ {
        UpsertOutcome::ALL.iter().copied().zip(self.0).filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, outcome: UpsertOutcome) {
        let place = UpsertOutcome::ALL.iter().position(|each| *each == outcome);
        if let Some(count) = place.and_then(|place| self.0.get_mut(place)) {
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
