//! Allocations, counted in the allocator, per thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use super::{Bench, Found};
use crate::{Error, case::Case, listener, subjects::Drive};

/// Calls before counting, so that everything that is allocated once exists.
const WARM_UP: u64 = 200;
const CALLS: u64 = 200;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator with counters. A reallocation counts as one, with the bytes by which it grows.
#[derive(Debug)]
pub struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    BYTES.set(BYTES.get() + bytes as u64);
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
// SAFETY: the system's allocator does everything with the arguments of the caller. Counting only touches two
// thread-locals that need neither an allocation nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those that `System` requires.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.saturating_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The allocations and events of one call, by the difference of two runs of different lengths. That leaves
/// out what a run allocates once. `None` when the subject does not support the case.
///
/// # Errors
///
/// When a call fails.
pub fn find(case: Case, subject: &str, drive: Drive) -> Result<Vec<Found>, Error> {
    let Some(mut bench) = Bench::new(case, subject)? else {
        return Ok(Vec::new());
    };
    bench.run(WARM_UP, drive)?;
    let mut count = |calls| {
        let before = Counts::now();
        bench.run(calls, drive).map(|()| Counts::now().since(before))
    };
    let (short, long) = (count(CALLS)?, count(2 * CALLS)?);
    let counts = long.since(short);
    let per_call = |count: u64| count as f64 / CALLS as f64;
    Ok(vec![
        Found::new("allocations", per_call(counts.allocations), "allocations"),
        Found::new("bytes", per_call(counts.bytes), "bytes"),
        Found::new("events", per_call(counts.events), "events"),
    ])
}

/// The number of allocations of this thread.
#[must_use]
pub fn so_far() -> u64 {
    ALLOCATIONS.get()
}

#[derive(Clone, Copy)]
struct Counts {
    allocations: u64,
    bytes: u64,
    events: u64,
}

impl Counts {
    fn now() -> Self {
        Self { allocations: ALLOCATIONS.get(), bytes: BYTES.get(), events: listener::received() }
    }

    fn since(self, before: Self) -> Self {
        Self {
            allocations: self.allocations.saturating_sub(before.allocations),
            bytes: self.bytes.saturating_sub(before.bytes),
            events: self.events.saturating_sub(before.events),
        }
    }
}
