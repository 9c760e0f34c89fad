//! Allocations, counted in the allocator, per thread.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use super::Bench;
use crate::{case::Case, fixture::Error, subjects::Drive};

/// Calls before counting, after which everything that is made once is there.
const WARM_UP: u64 = 200;
const CALLS: u64 = 200;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, and a count of what it is asked for. A reallocation counts as one, of the bytes by which
/// it grows.
#[derive(Debug)]
pub struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    BYTES.set(BYTES.get() + bytes as u64);
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait")]
// SAFETY: everything is done by the system's allocator, with what it was asked for; counting touches only two
// thread-locals that need neither an allocation nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are those that `System` asks for.
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

/// What one call allocates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allocated {
    pub allocations: f64,
    pub bytes: f64,
}

/// Counts by the difference of two points in one run. Nothing where the subject cannot do the case.
///
/// # Errors
///
/// When a call fails.
pub fn count_of(case: Case, subject: &str, drive: Drive) -> Result<Option<Allocated>, Error> {
    let Some(mut bench) = Bench::new(case, subject, drive)? else {
        return Ok(None);
    };
    bench.run(WARM_UP)?;
    let mut counted = |calls| {
        let before = (ALLOCATIONS.get(), BYTES.get());
        bench.run(calls).map(|()| (ALLOCATIONS.get() - before.0, BYTES.get() - before.1))
    };
    // What a run makes once is in both.
    let (short, long) = (counted(CALLS)?, counted(2 * CALLS)?);
    let per_call = |short: u64, long: u64| (long as f64 - short as f64) / CALLS as f64;
    Ok(Some(Allocated { allocations: per_call(short.0, long.0), bytes: per_call(short.1, long.1) }))
}
