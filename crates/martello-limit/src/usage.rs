use std::{fmt, time::Duration};

/// The usage of a limit at one moment, over all its keys, for dashboards. Reading it changes nothing for any
/// request.
///
/// ```
/// use martello_limit::ConcurrencyLimitLayer;
///
/// let usage = ConcurrencyLimitLayer::new(3)?.usage();
/// assert_eq!((usage.permits, usage.in_flight, usage.waiting), (Some(3), 0, 0));
/// # Ok::<(), martello_limit::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The number of permits of each key. `None` for an unlimited layer, which counts nothing.
    pub permits: Option<usize>,
    /// Permits that are held, by requests in flight and by response bodies.
    pub in_flight: usize,
    /// How many of them are held by response bodies that were not read to their end, including those being
    /// read.
    pub open_bodies: usize,
    /// How long the oldest of these bodies has held its permit, at least. Its time counts from the first
    /// moment at which a request waited for the permit or the usage was requested: the layer does not read
    /// the clock before.
    pub oldest_open_body: Option<Duration>,
    /// Requests that wait for a permit, or for their client to be ready for it.
    pub waiting: usize,
    /// Keys in use. Zero for a limit without keys.
    pub keys: usize,
}

/// The permits of one group, for error messages. Its text says what to do about unread bodies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GroupUsage {
    pub(crate) permits: usize,
    pub(crate) held: usize,
    pub(crate) open_bodies: usize,
    pub(crate) oldest: Option<Duration>,
}

impl fmt::Display for GroupUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { permits, held, open_bodies, .. } = self;
        write!(f, "permits held: {held} of {permits}, ")?;
        let Some(oldest) = self.oldest else {
            return f.write_str("none of them by an unread response body");
        };
        // A duration of a second or more is shown in whole seconds.
        let oldest = if oldest.as_secs() > 0 {
            Duration::from_secs(oldest.as_secs())
        } else {
            Duration::from_millis(oldest.subsec_millis().into())
        };
        write!(
            f,
            "{open_bodies} of them by unread response bodies, the oldest for at least {oldest:?}; read each response \
             body to its end, or drop it"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_whether_unread_bodies_hold_the_permits() {
        let usage =
            GroupUsage { permits: 5, held: 5, open_bodies: 4, oldest: Some(Duration::from_millis(30_017)) };
        assert_eq!(
            usage.to_string(),
            "permits held: 5 of 5, 4 of them by unread response bodies, the oldest for at least 30s; read each \
             response body to its end, or drop it"
        );
        let busy = GroupUsage { open_bodies: 0, oldest: None, ..usage };
        assert_eq!(busy.to_string(), "permits held: 5 of 5, none of them by an unread response body");
    }
}
