//! The only room that speaks to `tracing`. Its macros want a level that is known when they are compiled, so each
//! use is spelled out five times.

use std::time::Duration;

use http::Request;
use tracing::{Level, Span, field::Empty, level_filters::LevelFilter};

use crate::{
    earlier_ids::EarlierIds,
    record::Record,
    settings::{Kind, Settings},
    url,
};

/// The target of a call's span and event.
const CALL: &str = "martello::call";
/// The target of an attempt's event.
const ATTEMPT: &str = "martello::attempt";

/// Expands `$body` with a constant for the level, and to `$off` for none.
macro_rules! at_level {
    ($level:expr, $off:expr, |$constant:ident| $body:expr) => {
        match $level.into_level() {
            None => $off,
            Some(Level::ERROR) => at_level!(@ $constant ERROR $body),
            Some(Level::WARN) => at_level!(@ $constant WARN $body),
            Some(Level::INFO) => at_level!(@ $constant INFO $body),
            Some(Level::DEBUG) => at_level!(@ $constant DEBUG $body),
            Some(Level::TRACE) => at_level!(@ $constant TRACE $body),
        }
    };
    (@ $constant:ident $level:ident $body:expr) => {{
        const $constant: Level = Level::$level;
        $body
    }};
}

/// Whether anybody listens to events of this kind and level.
pub(crate) fn enabled(kind: Kind, level: LevelFilter) -> bool {
    match kind {
        Kind::Call => at_level!(level, false, |LEVEL| tracing::event_enabled!(target: CALL, LEVEL)),
        Kind::Attempt => at_level!(level, false, |LEVEL| tracing::event_enabled!(target: ATTEMPT, LEVEL)),
    }
}

/// Writes the event of a record that is complete. A value that says nothing (no retry, no wait, an empty body) is
/// left out: each one written costs about a thousand instructions, and the reader's patience.
pub(crate) fn write(record: &Record) {
    let Record { settings, asked, notes, answer, .. } = record;
    let level = if record.is_healthy() { settings.levels.healthy } else { settings.levels.failed };
    let (notes, answer) = (notes.as_ref(), answer.as_ref());

    macro_rules! write_event {
        ($name:literal, $target:expr) => {
            at_level!(level, (), |LEVEL| tracing::event!(
                name: $name,
                target: $target,
                LEVEL,
                http.request.method = %asked.method,
                url.full = %settings.config.redaction.url(&asked.uri),
                server.address = url::Host::of(&asked.uri).map(display),
                server.port = url::port(&asked.uri),
                http.response.status_code = answer.map(|answer| answer.status.as_u16()),
                outcome = %record.outcome_name(),
                error.type = record.error_type().map(display),
                error = record.failure.as_ref().map(|failure| display(&*failure.text)),
                tracking_id = record.tracking_id().map(display),
                earlier_tracking_ids = EarlierIds::of(&record.attempts).map(display),
                caller_id = asked.caller_id.as_ref().map(display),
                http.request.resend_count = above(0, asked.number.saturating_sub(1).into()),
                attempts = above(1, record.attempt_count().into()),
                wait_permit_ms = notes.and_then(|notes| above(0, millis(notes.permit_wait()))),
                wait_retry_ms = notes.and_then(|notes| above(0, millis(notes.retry_wait()))),
                head_ms = answer.map(|answer| millis(answer.after)),
                total_ms = millis(record.took),
                http.request.body.size = asked.size.and_then(|size| above(0, size)),
                http.response.body.size = answer.and_then(|answer| above(0, answer.size)),
                body_end = answer.and_then(|answer| answer.end).map(|end| display(end.as_str())),
                request_headers = asked.headers.as_deref().map(display),
                response_headers = answer.and_then(|answer| answer.headers.as_deref()).map(display),
                excerpt = answer.and_then(|answer| answer.excerpt()).map(display),
            ))
        };
    }
    match settings.kind {
        Kind::Call => write_event!("call", CALL),
        Kind::Attempt => write_event!("attempt", ATTEMPT),
    }
}

fn above(least: u64, number: u64) -> Option<u64> {
    (number > least).then_some(number)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The span of a call; one that is disabled where nobody listens, or for an attempt.
pub(crate) fn span<B>(settings: &Settings, request: &Request<B>) -> Span {
    at_level!(settings.levels.span, Span::none(), |LEVEL| tracing::span!(
        target: CALL,
        LEVEL,
        "call",
        otel.kind = "client",
        otel.name = request.method().as_str(),
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        url.full = %settings.config.redaction.url(request.uri()),
        server.address = url::server(request.uri()).map(|(host, _)| host),
        server.port = url::server(request.uri()).and_then(|(_, port)| port),
        http.response.status_code = Empty,
        error.type = Empty,
    ))
}

/// Completes a call's span, for those who export spans.
pub(crate) fn close_span(span: &Span, record: &Record) {
    if span.is_disabled() {
        return;
    }
    if let Some(answer) = &record.answer {
        span.record("http.response.status_code", answer.status.as_u16());
    }
    if let Some(error_type) = record.error_type() {
        span.record("error.type", error_type);
        span.record("otel.status_code", "ERROR");
    }
}
