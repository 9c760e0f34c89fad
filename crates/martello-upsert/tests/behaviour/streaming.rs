//! Memory does not grow with the input.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use martello_body::Body;
use martello_upsert::UpsertAll;
use tower::service_fn;

/// A body that counts all existing bodies.
struct Counted(Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        b"{}"
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn only_requests_in_flight_and_ahead_are_kept() {
    let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counting, greatest) = (Arc::clone(&alive), Arc::clone(&most));
    let to_request = move |row: &u64| {
        let now = counting.fetch_add(1, Ordering::SeqCst) + 1;
        greatest.fetch_max(now, Ordering::SeqCst);
        let body = Bytes::from_owner(Counted(Arc::clone(&counting)));
        // One key in ten is repeated at once, and waits.
        Request::put(format!("http://api/orders/{}", row - row % 10 / 9)).body(body)
    };
    let service = service_fn(|_: Request<Body>| async {
        tokio::task::yield_now().await;
        Ok::<_, http::Error>(Response::new(Body::empty()))
    });
    let report =
        UpsertAll::new(service, to_request).look_ahead(10).run(stream::iter(0..20_000)).await.unwrap();
    assert_eq!(report.counts().written(), 20_000);
    assert_eq!(alive.load(Ordering::SeqCst), 0);
    assert!(most.load(Ordering::SeqCst) <= 5 + 11 + 1, "{most:?}");
}

#[tokio::test]
async fn a_run_that_rejects_all_rows_yields_to_other_tasks() {
    let service = service_fn(|_: Request<Body>| async { Ok::<_, http::Error>(Response::new(Body::empty())) });
    let ran = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&ran);
    let mut others = tokio::task::JoinSet::new();
    others.spawn(async move {
        loop {
            counting.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    });
    let to_request = |_: &u64| Err::<Request<Bytes>, _>("no");
    let report = UpsertAll::new(service, to_request).run(stream::iter(0..10_000)).await.unwrap();
    assert_eq!(report.counts().failed(), 10_000);
    assert!(ran.load(Ordering::SeqCst) > 10, "{ran:?}");
}
