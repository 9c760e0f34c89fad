//! What is said about lines that are no ids: that there was one, and nothing of what it held.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use martello_tracking::TrackingLayer;
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

async fn logged(line: &'static str) -> String {
    let output = Output::default();
    let writer = output.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let client = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::builder().header("trackingid", line).body(()).expect("a response"))
    });
    let response = TrackingLayer::default().layer(client).oneshot(Request::new(())).await;
    assert!(response.is_ok());
    let bytes = output.0.lock().expect("no panic").clone();
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn an_ignored_line_leaves_one_event_with_its_length_and_without_its_content() {
    let log = logged("secret words").await;
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(log.contains("DEBUG") && log.contains("length=12") && log.contains("trackingid"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn an_id_leaves_no_event() {
    assert_eq!(logged("5f1c-77").await, "");
}
