use std::cell::Cell;

thread_local! {
    static QUEUED: Cell<bool> = const { Cell::new(false) };
}

/// How a layer inside tells a layer outside that the request still stands in a queue, and is not on the wire:
/// the time of an attempt does not run while it waits for a permit.
///
/// It speaks from a poll to whoever polls, on the same thread, before the poll returns, and therefore costs
/// neither an allocation nor an extension. Across a task or a channel it says nothing, and the time runs.
#[derive(Debug)]
#[non_exhaustive]
pub struct Queued;

impl Queued {
    /// Says, from within a poll that is about to return pending, that the request is still queued.
    pub fn report() {
        QUEUED.set(true);
    }

    /// Polls, and tells whether anything within reported that the request is queued.
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
