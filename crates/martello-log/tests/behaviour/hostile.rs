//! What a hostile server can do to a log: nothing. Seen through the formatter that most people use.

use std::{
    io,
    sync::{Arc, Mutex},
};

use http::{HeaderValue, Response};
use http_body_util::BodyExt;
use martello_log::LogLayer;
use martello_testkit::ScriptedBody;
use tower::{Layer, ServiceExt};
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{answering, put};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

async fn written(layer: LogLayer, client: impl Fn() -> Response<ScriptedBody> + Clone) -> String {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(lines.clone()).finish();
    let request = put("");
    let call = async {
        let response = layer.layer(answering(client)).oneshot(request).await.unwrap();
        // How it ends is a matter of the log alone.
        let _ = response.into_body().collect().await;
    };
    call.with_subscriber(subscriber).await;
    let bytes = lines.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// Control characters that a header may not hold are what a body may.
const EVIL: &str =
    "x\r\n2030-01-01 INFO forged\u{1b}[2J\u{0}\u{7f}\u{85}\u{2028}\u{202e} outcome=success \"quoted\" \\";

#[tokio::test]
async fn a_body_comes_out_escaped_on_one_line() {
    let layer = LogLayer::builder().excerpt(4_096).build_calls().unwrap();
    let line = written(layer, || {
        let body = ScriptedBody::new().data(EVIL).data(&b"\xff\xfe"[..]);
        Response::builder().status(500).header("content-type", "text/plain").body(body).unwrap()
    })
    .await;
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(!line.trim_end().chars().any(char::is_control), "{line:?}");
    assert!(!line.contains(['\u{2028}', '\u{202e}']), "{line:?}");
    assert!(line.contains(r#"excerpt="x\r\n2030-01-01 INFO forged\u{1b}[2J\0\u{7f}\u{85}"#), "{line}");
    assert!(line.contains(r#" outcome=success \"quoted\" \\\xff\xfe""#), "{line}");
}

#[tokio::test]
async fn a_header_of_64_kib_comes_out_short_and_escaped() {
    let layer = LogLayer::builder().response_headers(["x-evil"]).build_calls().unwrap();
    let line = written(layer, || {
        let evil = [b"\t\xff\x80\" outcome=success ".as_slice(), &[b'a'; 65_536]].concat();
        let mut response = Response::new(ScriptedBody::new());
        response.headers_mut().insert("x-evil", HeaderValue::from_bytes(&evil).unwrap());
        response
    })
    .await;
    assert_eq!(line.lines().count(), 1);
    assert!(line.len() < 800, "{}", line.len());
    assert!(line.contains(r#"x-evil: "\t\xff\x80\" outcome=success aaa"#), "{line}");
}

#[tokio::test]
async fn an_error_comes_out_escaped_on_one_line() {
    let line =
        written(LogLayer::calls(), || Response::builder().body(ScriptedBody::new().error(EVIL)).unwrap())
            .await;
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains(r#"exception.message="the response's body failed: x\r\n2030"#), "{line}");
    assert!(line.contains(" WARN "), "{line}");
}

#[tokio::test(start_paused = true)]
async fn a_line_reads_well() {
    let line = written(LogLayer::calls(), || Response::new(ScriptedBody::new().data("some"))).await;
    let (_, event) = line.split_once("INFO ").unwrap();
    let event = event.trim_end();
    let expected = "martello::call: \
        http.request.method=PUT url.full=https://api.example/orders/1 server.address=api.example \
        http.response.status_code=200 outcome=success head_ms=0 total_ms=0 http.response.body.size=4 \
        body_end=complete";
    assert_eq!(event, expected);
}
