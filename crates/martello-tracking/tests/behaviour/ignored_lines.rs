//! What is said about lines that are no ids: that there was one, and nothing of what it held.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use martello_tracking::{TrackingLayer, Trail};
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

/// What is said of a response with these lines, to a request of which all ids are kept, or only that of the attempt.
async fn logged(lines: &'static [&'static str], trail: Option<Trail>) -> String {
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
    if let Some(trail) = trail {
        request.extensions_mut().insert(trail);
    }
    let response = TrackingLayer::default().layer(client).oneshot(request).await;
    assert!(response.is_ok());
    let bytes = output.0.lock().expect("no panic").clone();
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn an_ignored_line_leaves_one_event_with_its_length_and_without_its_content() {
    for trail in [None, Some(Trail::default())] {
        let log = logged(&["secret words"], trail).await;
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(log.contains("DEBUG") && log.contains("length=12") && log.contains("trackingid"), "{log}");
        assert!(!log.contains("secret"), "{log}");
    }
}

#[tokio::test]
async fn an_id_leaves_no_event() {
    for lines in [&["5f1c-77"] as &[_], &["5f1c-77, 5f1c-78"], &["5f1c-77", "5f1c-78"]] {
        for trail in [None, Some(Trail::default())] {
            assert_eq!(logged(lines, trail).await, "", "{lines:?}");
        }
    }
}

#[tokio::test]
async fn only_the_line_that_is_no_id_leaves_an_event() {
    let trail = Trail::default();
    for lines in [&["secret words", "5f1c-77"], &["5f1c-77", "secret words"]] {
        let log = logged(lines, Some(trail.clone())).await;
        assert_eq!(log.lines().count(), 1, "{lines:?}: {log}");
        assert!(log.contains("length=12"), "{lines:?}: {log}");
    }
    assert_eq!(trail.ids().len(), 2);
}
