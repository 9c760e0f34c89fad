//! Metrics through the `metrics` facade, with OpenTelemetry's names where they exist.

use std::time::Duration;

use http::Method;
use martello_outcome::CallNotes;
use metrics::{Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::{record::Record, settings::Kind, url};

const ACTIVE: &str = "http.client.active_requests";
const ATTEMPTS: &str = "martello.client.attempts";
const ATTEMPT_DURATION: &str = "http.client.request.duration";
const CALL_DURATION: &str = "martello.client.call.duration";
const PERMIT_WAIT: &str = "martello.client.call.permit_wait";

/// Describes the metrics and their units to the installed recorder. Call it once, after you install the
/// recorder.
///
/// ```
/// // let recorder = ...; metrics::set_global_recorder(recorder)?;
/// martello_log::describe_metrics();
/// ```
pub fn describe_metrics() {
    describe_gauge!(ACTIVE, Unit::Count, "attempts in flight, including bodies that are being read");
    describe_counter!(ATTEMPTS, Unit::Count, "attempts by outcome");
    describe_histogram!(ATTEMPT_DURATION, Unit::Seconds, "duration of attempts to the end of the body");
    describe_histogram!(CALL_DURATION, Unit::Seconds, "duration of calls to the end of the body");
    describe_histogram!(PERMIT_WAIT, Unit::Seconds, "time that calls waited for permits");
}

pub(crate) fn started(record: &Record) {
    if record.settings.metrics() && record.settings.kind == Kind::Attempt {
        gauge!(ACTIVE, target_labels(record)).increment(1.0);
    }
}

pub(crate) fn ended(record: &Record) {
    if !record.settings.metrics() {
        return;
    }
    match record.settings.kind {
        Kind::Call => {
            histogram!(CALL_DURATION, result_labels(record)).record(record.took);
            let waited = record.notes.as_ref().map_or(Duration::ZERO, CallNotes::permit_wait);
            histogram!(PERMIT_WAIT, target_labels(record)).record(waited);
        }
        Kind::Attempt => {
            gauge!(ACTIVE, target_labels(record)).decrement(1.0);
            histogram!(ATTEMPT_DURATION, result_labels(record)).record(record.took);
            let mut labels = target_labels(record);
            labels.push(Label::from_static_parts("outcome", record.outcome_name()));
            counter!(ATTEMPTS, labels).increment(1);
        }
    }
}

fn result_labels(record: &Record) -> Vec<Label> {
    let mut labels = target_labels(record);
    if let Some(answer) = &record.answer {
        let status = answer.status.as_str().to_owned();
        labels.push(Label::new("http.response.status_code", status));
    }
    if let Some(error_type) = record.error_type() {
        labels.push(Label::new("error.type", error_type.to_owned()));
    }
    labels
}

fn target_labels(record: &Record) -> Vec<Label> {
    let mut labels = vec![Label::from_static_parts("http.request.method", known(&record.request.method))];
    if let Some((host, port)) = url::server(&record.request.uri) {
        labels.push(Label::new("server.address", host.to_owned()));
        if let Some(port) = port {
            labels.push(Label::new("server.port", port.to_string()));
        }
    }
    labels
}

/// Clients may send any method, but the values of a label must be a fixed set.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}
