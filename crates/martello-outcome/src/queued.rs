use std::cell::Cell;

thread_local! {
    static QUEUED: Cell<bool> = const { Cell::new(false) };
}

/// Lets an inner layer report to an outer layer that the request waits in a queue and was not sent: the
/// attempt timeout does not run while a request waits for a permit.
///
/// The report goes from a poll to the caller of that poll, on the same thread, so it needs neither an
/// allocation nor an extension. It does not cross tasks or channels: there the timeout runs.
///
/// ```
/// use std::task::Poll;
/// use martello_outcome::Queued;
///
/// let poll_inner = || { Queued::report(); Poll::<()>::Pending };
/// let (polled, queued) = Queued::observe(poll_inner);
/// assert!(polled.is_pending() && queued);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Queued;

impl Queued {
    /// Reports that the request still waits. Call it within a poll that returns `Pending`.
    pub fn report() {
        QUEUED.set(true);
    }

    /// Polls, and returns whether an inner layer reported that the request waits.
    pub fn observe<T>(poll: impl FnOnce() -> T) -> (T, bool) {
        let outer = QUEUED.replace(false);
        let result = poll();
        let queued = QUEUED.replace(outer);
        if queued {
            QUEUED.set(true);
        }
        (result, queued)
    }
}
