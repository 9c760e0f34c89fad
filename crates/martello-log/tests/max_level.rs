//! The level of a whole process, below which nothing is asked: a binary of its own, because there is one of
//! it.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::{
    convert::Infallible,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use http_body_util::Empty;
use martello_log::LogLayer;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::fmt::format::FmtSpan;

type Body = Empty<bytes::Bytes>;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of events, and of spans that end, where nothing above this level is on.
fn lines(layer: &LogLayer, most: Level, code: u16) -> usize {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(most)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(LevelFilter::current(), most);
        let client = service_fn(|_: Request<Body>| {
            let response = Response::builder().status(code).body(Body::new()).unwrap();
            std::future::ready(Ok::<_, Infallible>(response))
        });
        let call = layer.layer(client).oneshot(Request::new(Body::new()));
        tokio_test::block_on(call).unwrap();
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().count()
}

#[test]
fn each_record_is_written_from_its_own_level_on() {
    let span = LogLayer::builder()
        .success_level(LevelFilter::OFF)
        .failure_level(LevelFilter::OFF)
        .build_calls()
        .unwrap();
    let off = LevelFilter::OFF;
    let silent = LogLayer::builder().success_level(off).failure_level(off).span(off).build_calls().unwrap();
    for (layer, code, expected) in [
        (LogLayer::calls(), 200, [0, 0, 1, 2, 2]),
        (LogLayer::calls(), 503, [0, 1, 1, 2, 2]),
        (LogLayer::attempts(), 200, [0, 0, 0, 1, 1]),
        (LogLayer::attempts(), 503, [0, 0, 1, 1, 1]),
        (span, 200, [0, 0, 0, 1, 1]),
        (silent, 503, [0, 0, 0, 0, 0]),
    ] {
        let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        assert_eq!(levels.map(|most| lines(&layer, most, code)), expected, "{layer:?} {code}");
    }
}
