use std::{fmt, time::Duration};

/// How a limit stands at one moment, over all its keys. For dashboards: it changes nothing for anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// How many permits there are, for each key; `None` where there is no limit, and then nothing is counted.
    pub permits: Option<usize>,
    /// Permits that are held: by requests under way, and by response bodies.
    pub in_flight: usize,
    /// Those of them that are held by response bodies which were not read to their end.
    pub unread: usize,
    /// How long the oldest of these bodies has held its permit, at least. A body's time counts from the first
    /// moment that somebody waited for its permit or took a snapshot, because nobody reads the clock before.
    pub oldest_unread: Option<Duration>,
    /// Requests that wait for a permit.
    pub waiting: usize,
    /// Keys with a permit held; zero where the limit has no keys.
    pub keys: usize,
}

/// How one group stands, in words that tell its user what to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) permits: usize,
    pub(crate) held: usize,
    pub(crate) unread: usize,
    pub(crate) oldest: Option<Duration>,
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { permits, held, unread, .. } = self;
        write!(f, "{held} of {permits} permits are held, ")?;
        let Some(oldest) = self.oldest else {
            return f.write_str("none of them by a response body");
        };
        // Fractions of a second would only be noise.
        let oldest = if oldest.as_secs() > 0 {
            Duration::from_secs(oldest.as_secs())
        } else {
            Duration::from_millis(oldest.subsec_millis().into())
        };
        write!(
            f,
            "{unread} of them by response bodies that were not read to their end, the oldest for at least \
             {oldest:?}; read or drop each body"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standing_says_whether_unread_bodies_are_to_blame() {
        let usage = Usage { permits: 5, held: 5, unread: 4, oldest: Some(Duration::from_millis(30_017)) };
        assert_eq!(
            usage.to_string(),
            "5 of 5 permits are held, 4 of them by response bodies that were not read to their end, the oldest \
             for at least 30s; read or drop each body"
        );
        let busy = Usage { unread: 0, oldest: None, ..usage };
        assert_eq!(busy.to_string(), "5 of 5 permits are held, none of them by a response body");
    }
}
