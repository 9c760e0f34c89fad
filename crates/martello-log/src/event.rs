//! The only room that speaks to `tracing`. Its macros want a level that is known when they are compiled, so each
//! use is spelled out five times.

use std::sync::Arc;

use http::Request;
use tracing::{Level, Span, field::Empty, level_filters::LevelFilter};

use crate::{
    fields::Fields,
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

/// One event with all fields; those without a value are not recorded.
macro_rules! write_event {
    ($name:literal, $target:expr, $level:expr, $fields:expr) => {
        at_level!($level, (), |LEVEL| tracing::event!(
            name: $name,
            target: $target,
            LEVEL,
            http.request.method = $fields.method,
            url.full = $fields.url,
            server.address = $fields.server_address,
            server.port = $fields.server_port,
            http.response.status_code = $fields.status,
            outcome = $fields.outcome,
            error.type = $fields.error_type,
            error = $fields.error,
            tracking_id = $fields.tracking_id,
            earlier_tracking_ids = $fields.earlier_tracking_ids,
            caller_id = $fields.caller_id,
            http.request.resend_count = $fields.resend_count,
            attempts = $fields.attempts,
            wait_permit_ms = $fields.wait_permit,
            wait_retry_ms = $fields.wait_retry,
            head_ms = $fields.head,
            total_ms = $fields.total,
            http.request.body.size = $fields.request_size,
            http.response.body.size = $fields.response_size,
            body_end = $fields.body_end,
            request_headers = $fields.request_headers,
            response_headers = $fields.response_headers,
            excerpt = $fields.excerpt,
        ))
    };
}

/// Whether anybody listens to events of this kind and level.
pub(crate) fn enabled(kind: Kind, level: LevelFilter) -> bool {
    match kind {
        Kind::Call => at_level!(level, false, |LEVEL| tracing::event_enabled!(target: CALL, LEVEL)),
        Kind::Attempt => at_level!(level, false, |LEVEL| tracing::event_enabled!(target: ATTEMPT, LEVEL)),
    }
}

/// Writes the event of a record that is complete.
pub(crate) fn write(record: &Record) {
    let settings = &record.settings;
    let level = if record.is_healthy() { settings.healthy } else { settings.failed };
    if !enabled(settings.kind, level) {
        return;
    }
    let fields = Fields::of(record);
    match settings.kind {
        Kind::Call => write_event!("call", CALL, level, fields),
        Kind::Attempt => write_event!("attempt", ATTEMPT, level, fields),
    }
}

/// The span of a call; one that is disabled where nobody listens, or for an attempt.
pub(crate) fn span<B>(settings: &Arc<Settings>, request: &Request<B>) -> Span {
    at_level!(settings.span, Span::none(), |LEVEL| tracing::span!(
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
pub(crate) fn close_span(record: &Record) {
    if record.span.is_disabled() {
        return;
    }
    if let Some(answer) = &record.answer {
        record.span.record("http.response.status_code", answer.status.as_u16());
    }
    if let Some(error_type) = record.error_type() {
        record.span.record("error.type", error_type);
        record.span.record("otel.status_code", "ERROR");
    }
}
