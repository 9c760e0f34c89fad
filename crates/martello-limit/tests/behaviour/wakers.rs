//! A waker runs the caller's code, which may use the limit and may panic.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

use martello_limit::ConcurrencyLimitLayer;
use tokio_test::{assert_pending, assert_ready_ok};

use crate::support::{Call, answered, get, limit, limited, unread, waiting};

/// Requests the usage when it is woken and when it is dropped. Both would deadlock under the limit's lock.
struct TakesSnapshots(ConcurrencyLimitLayer, Arc<AtomicUsize>);

impl TakesSnapshots {
    fn take(&self) {
        assert_eq!(self.0.usage().permits, Some(1));
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

impl Wake for TakesSnapshots {
    fn wake(self: Arc<Self>) {
        self.take();
    }
}

impl Drop for TakesSnapshots {
    fn drop(&mut self) {
        self.take();
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_may_use_the_limit_when_it_is_woken_and_when_it_is_dropped() {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let taken = Arc::new(AtomicUsize::new(0));
    let poll_with_another_waker = |call: &mut Call| {
        let waker = Waker::from(Arc::new(TakesSnapshots(layer.clone(), Arc::clone(&taken))));
        assert_pending!(Pin::new(call).poll(&mut Context::from_waker(&waker)));
    };
    let holder = answered(&service, &mut api);
    let (mut first, mut second) = (get(&service), get(&service));
    poll_with_another_waker(&mut first);
    poll_with_another_waker(&mut second);
    let before = taken.load(Ordering::Relaxed);
    poll_with_another_waker(&mut first);
    drop(second);
    drop(holder);
    assert!(taken.load(Ordering::Relaxed) >= before + 2, "one was dropped, and one woken");
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new("the waker's own fault"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_loses_no_permit() {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let holder = answered(&service, &mut api);
    let mut first = get(&service);
    let second = waiting(&service);
    let panics = Waker::from(Arc::new(Panics));
    assert_pending!(Pin::new(&mut first).poll(&mut Context::from_waker(&panics)));

    catch_unwind(AssertUnwindSafe(|| drop(holder))).unwrap_err();
    assert_eq!((layer.usage().in_flight, layer.usage().waiting), (1, 1));
    assert_pending!(first.poll());
    api.answer(unread());
    drop(assert_ready_ok!(first.poll()));
    assert!(second.is_woken());
    drop(second);
    assert_eq!((layer.usage().in_flight, layer.usage().waiting), (0, 0));
}
