//! The event about an invalid line: it has no content of the line.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use martello_tracking::{TrackingIds, TrackingLayer};
use tower::{Layer, ServiceExt, service_fn};
use tracing::Level;

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log of a response with these lines, to a request with or without `TrackingIds`.
async fn logged(lines: &'static [&'static str], tracking_ids: Option<TrackingIds>) -> String {
    let output = Output::default();
    let writer = output.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let client = service_fn(async |_: Request<()>| {
        let response = Response::builder();
        let response = lines.iter().fold(response, |response, line| response.header("trackingid", *line));
        Ok::<_, Infallible>(response.body(()).expect("a response"))
    });
    let mut request = Request::new(());
    if let Some(tracking_ids) = tracking_ids {
        request.extensions_mut().insert(tracking_ids);
    }
    let response = TrackingLayer::default().layer(client).oneshot(request).await;
    assert!(response.is_ok());
    let bytes = output.0.lock().expect("no panic").clone();
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn an_ignored_line_leaves_one_event_with_its_length_and_without_its_content() {
    for tracking_ids in [None, Some(TrackingIds::default())] {
        let log = logged(&["secret words"], tracking_ids).await;
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("DEBUG") && log.contains("length=12") && log.contains("trackingid"), "{log}");
        assert!(!log.contains("secret"), "{log}");
    }
}

#[tokio::test]
async fn an_id_leaves_no_event() {
    for lines in [&["5f1c-77"] as &[_], &["5f1c-77, 5f1c-78"], &["5f1c-77", "5f1c-78"]] {
        for tracking_ids in [None, Some(TrackingIds::default())] {
            assert_eq!(logged(lines, tracking_ids).await, "", "{lines:?}");
        }
    }
}

#[tokio::test]
async fn only_the_line_that_is_no_id_leaves_an_event() {
    let tracking_ids = TrackingIds::default();
    for lines in [&["secret words", "5f1c-77"], &["5f1c-77", "secret words"]] {
        let log = logged(lines, Some(tracking_ids.clone())).await;
        assert_eq!(log.lines().count(), 1, "{lines:?}: {log}");
        assert!(log.contains("length=12"), "{lines:?}: {log}");
    }
    assert_eq!(tracking_ids.ids().len(), 2);
}
