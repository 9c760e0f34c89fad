use crate::Counts;

/// How far a run has come. A rate is the viewer's to build, from two looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Entities taken from the input.
    pub taken: u64,
    /// Entities in task: with the stack, also while that waits between two attempts.
    pub in_flight: usize,
    /// Entities that were taken and wait for an older one of their key.
    pub waiting: usize,
    /// What became of those that are done.
    pub counts: Counts,
    /// Whether the run was asked to stop.
    pub stopping: bool,
    /// Whether the run is over.
    pub ended: bool,
}

impl Progress {
    /// Entities whose outcome is known; in a run that goes on, those of earlier runs are known before they are taken.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.counts.total()
    }
}
