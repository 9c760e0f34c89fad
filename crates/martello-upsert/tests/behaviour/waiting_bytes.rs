//! The bytes of waiting entities are bounded.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use martello_body::Body;
use martello_upsert::{Report, UpsertAll, UpsertErrorKind};
use tower::service_fn;

const ROW: usize = 4 * 1024 * 1024;
const MIB: usize = 1024 * 1024;

/// A body that counts the bytes of all existing bodies.
struct Counted {
    bytes: Vec<u8>,
    alive: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.alive.fetch_sub(self.bytes.len(), Ordering::SeqCst);
    }
}

/// Sends rows of these sizes, all of one key, to a slow server. Returns the report, and the most bytes that
/// existed at a time.
async fn run(sizes: Vec<usize>, set: impl FnOnce(UpsertAll<usize>) -> UpsertAll<usize>) -> (Report, usize) {
    let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counting, greatest) = (Arc::clone(&alive), Arc::clone(&most));
    let to_request = move |size: &usize| {
        let now = counting.fetch_add(*size, Ordering::SeqCst) + size;
        greatest.fetch_max(now, Ordering::SeqCst);
        let body = Bytes::from_owner(Counted { bytes: vec![0; *size], alive: Arc::clone(&counting) });
        Request::put("http://api/orders/1").body(body)
    };
    let service = service_fn(|_: Request<Body>| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, http::Error>(Response::new(Body::empty()))
    });
    let running = set(UpsertAll::new(service, to_request)).run(stream::iter(sizes));
    // With a paused clock, a run that hangs fails at once.
    let report = tokio::time::timeout(Duration::from_secs(3_600), running).await.unwrap().unwrap();
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    (report, most.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn by_default_64_mib_wait_and_one_row_more() {
    let (report, most) = run(vec![ROW; 60], |upserts| upserts).await;
    assert_eq!(report.counts().written(), 60);
    // One is in flight.
    let bound = 64 * MIB + ROW + ROW;
    assert!((64 * MIB..=bound).contains(&most), "{most}");
}

#[tokio::test(start_paused = true)]
async fn waiting_rows_are_limited_to_the_configured_bytes_and_one_row_more() {
    for latest_wins in [false, true] {
        let set = |upserts: UpsertAll<usize>| {
            let upserts = upserts.look_ahead_bytes(3 * MIB);
            if latest_wins { upserts.latest_wins() } else { upserts }
        };
        let (report, most) = run(vec![MIB; 20], set).await;
        assert_eq!(report.counts().total(), 20);
        assert!(most <= 3 * MIB + MIB + MIB, "latest wins: {latest_wins}, {most}");
        // A superseded entity makes room for the next one.
        assert_eq!(report.counts().written(), if latest_wins { 2 } else { 20 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_larger_than_the_bound_waits_alone() {
    for bound in [0, MIB] {
        let (report, most) = run(vec![ROW; 4], |upserts| upserts.look_ahead_bytes(bound)).await;
        assert_eq!(report.counts().written(), 4);
        assert!(most <= ROW + ROW, "one in flight, and one that waits: {most}");
    }
}

#[tokio::test]
async fn a_bound_out_of_its_range_is_an_error() {
    let service = service_fn(|_: Request<Body>| async { Ok::<_, http::Error>(Response::new(Body::empty())) });
    let to_request = |_: &usize| Request::put("http://api/orders/1").body(Bytes::new());
    let upserts = UpsertAll::new(service, to_request).look_ahead_bytes(1024 * MIB + 1);
    let error = upserts.run(stream::iter([1])).await.unwrap_err();
    assert_eq!(error.kind(), UpsertErrorKind::Config);
}
