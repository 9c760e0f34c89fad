use std::fmt::{self, Display};

use martello_outcome::{Attempts, TrackingId};

/// Ids that are written; there may be as many as there were attempts.
const MAX: usize = 16;

/// The ids of all attempts but the last, in order.
pub(crate) struct EarlierIds<'a>(&'a Attempts);

impl<'a> EarlierIds<'a> {
    /// `None` if no earlier attempt has one.
    pub(crate) fn of(attempts: &'a Attempts) -> Option<Self> {
        let earlier = Self(attempts);
        let any = earlier.ids().next().is_some();
        any.then_some(earlier)
    }

    fn ids(&self) -> impl Iterator<Item = &TrackingId> {
        let earlier = self.0.split_last().map(|(_, earlier)| earlier).unwrap_or_default();
        earlier.iter().filter_map(|attempt| attempt.tracking_id.as_ref())
    }
}

impl Display for EarlierIds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, id) in self.ids().take(MAX).enumerate() {
            let separator = if place == 0 { "" } else { "," };
            write!(f, "{separator}{id}")?;
        }
        let left_out = self.ids().nth(MAX).is_some();
        f.write_str(if left_out { ",…" } else { "" })
    }
}
