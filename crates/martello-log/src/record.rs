use std::{sync::Arc, time::Duration};

use bytes::Buf;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body::{Body, Frame};
use martello_outcome::{
    Abandoned, Attempts, CallError, CallNotes, CallerId, ErrorKind, Outcome, TrackingId, is_bodiless,
};
use tokio::time::Instant;

use crate::{
    Redaction, error_text,
    excerpt::Excerpt,
    fields::header_lines,
    settings::{Kind, Settings},
};

/// The outcome of a future that was dropped before its response.
const CANCELLED: &str = "cancelled";

/// The record of one call or attempt.
pub(crate) struct Record {
    pub(crate) settings: Arc<Settings>,
    pub(crate) started: Instant,
    /// The time from the start to the end of the body, set at the end.
    pub(crate) took: Duration,
    pub(crate) request: RequestInfo,
    pub(crate) notes: Option<CallNotes>,
    pub(crate) attempts: Attempts,
    /// `None` until there is a response or an error. A record that stays without an outcome was cancelled.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) answer: Option<ResponseInfo>,
    pub(crate) failure: Option<Failure>,
}

/// What the record keeps of the request.
pub(crate) struct RequestInfo {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) size: Option<u64>,
    pub(crate) headers: Option<Box<str>>,
    /// Boxed, because most calls have none and the record is moved.
    pub(crate) caller_id: Option<Box<CallerId>>,
    pub(crate) number: u32,
}

/// What the record keeps of the response.
pub(crate) struct ResponseInfo {
    pub(crate) status: StatusCode,
    pub(crate) after: Duration,
    pub(crate) tracking_id: Option<TrackingId>,
    pub(crate) headers: Option<Box<str>>,
    /// Bytes of the body that were read.
    pub(crate) size: u64,
    /// The least number of bytes that the body declared.
    declared: u64,
    pub(crate) excerpt: Option<Excerpt>,
    /// `None` if there is no body.
    pub(crate) end: Option<BodyEnd>,
}

impl ResponseInfo {
    /// The excerpt, unless it is empty.
    pub(crate) fn excerpt(&self) -> Option<&Excerpt> {
        self.excerpt.as_ref().filter(|excerpt| !excerpt.is_empty())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    Complete,
    /// Read to its end and discarded.
    Drained,
    Dropped,
    Broken,
}

impl BodyEnd {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Drained => "drained",
            Self::Dropped => "dropped",
            Self::Broken => "broken",
        }
    }
}

/// What went wrong with the call or its body.
pub(crate) struct Failure {
    /// The name of the error kind.
    pub(crate) kind: &'static str,
    pub(crate) text: Box<str>,
}

impl Failure {
    fn of(error: &CallError, uri: &Uri, redaction: &Redaction) -> Self {
        Self { kind: error.kind().as_str(), text: error_text::quote_error(error, uri, redaction) }
    }

    fn message(kind: Option<ErrorKind>, text: &str) -> Self {
        Self { kind: kind.map_or(CANCELLED, ErrorKind::as_str), text: error_text::quote(text) }
    }
}

impl Record {
    /// Starts the record of this request.
    pub(crate) fn new<B: Body>(settings: &Arc<Settings>, request: &Request<B>, number: u32) -> Self {
        let config = &settings.config;
        let request = RequestInfo {
            method: request.method().clone(),
            uri: request.uri().clone(),
            size: request.body().size_hint().exact(),
            headers: header_lines(request.headers(), &config.request_headers, &config.redaction),
            caller_id: (config.caller_id)(request.extensions()).map(Box::new),
            number,
        };
        Self {
            settings: Arc::clone(settings),
            started: Instant::now(),
            took: Duration::ZERO,
            request,
            notes: (settings.kind == Kind::Call).then(CallNotes::default),
            attempts: Attempts::default(),
            outcome: None,
            answer: None,
            failure: None,
        }
    }

    /// Records the response's head, and returns whether a body follows.
    pub(crate) fn answered<R: Body>(&mut self, response: &Response<R>) -> bool {
        let config = &self.settings.config;
        let status = response.status();
        self.attempts = Attempts::of(response).cloned().unwrap_or_default();
        let outcome = self.attempts.outcome().unwrap_or_else(|| config.classifier.status(status));
        let bodiless =
            self.request.method == Method::HEAD || is_bodiless(status) || response.body().is_end_stream();
        let excerpt = if outcome.is_success() { 0 } else { config.excerpt };
        let answer = self.answer.insert(ResponseInfo {
            status,
            after: self.started.elapsed(),
            tracking_id: None,
            headers: header_lines(response.headers(), &config.response_headers, &config.redaction),
            size: 0,
            declared: response.body().size_hint().lower(),
            excerpt: Excerpt::new(response.headers(), excerpt),
            end: (!bodiless).then_some(BodyEnd::Dropped),
        });
        // Written in place, because an id is large to move.
        if let Some(id) = TrackingId::of(response) {
            answer.tracking_id = Some(*id);
        }
        self.outcome = Some(outcome);
        !bodiless
    }

    /// Records the error that came in place of a response.
    pub(crate) fn failed(&mut self, error: &CallError) {
        self.attempts = error.attempts().clone();
        self.outcome = Some(error.outcome());
        self.failure = Some(Failure::of(error, &self.request.uri, &self.settings.config.redaction));
    }

    /// Records a frame of the body.
    pub(crate) fn read(&mut self, frame: &Frame<impl Buf>, last: bool) {
        if let (Some(answer), Some(data)) = (&mut self.answer, frame.data_ref()) {
            let size = u64::try_from(data.remaining()).unwrap_or(u64::MAX);
            answer.size = answer.size.saturating_add(size);
            if let Some(excerpt) = &mut answer.excerpt {
                excerpt.push(data);
            }
        }
        if last {
            self.body_ended();
        }
    }

    /// Records the end of the body. Some clients do not check the declared length, so this does.
    pub(crate) fn body_ended(&mut self) {
        if self.answer.as_ref().is_some_and(|answer| answer.size < answer.declared) {
            let short = Failure::message(Some(ErrorKind::Body), "the body ended before its declared length");
            return self.broke(Outcome::Ambiguous, short);
        }
        let drained = martello_body::draining();
        self.body_end(if drained { BodyEnd::Drained } else { BodyEnd::Complete });
    }

    pub(crate) fn body_broke(&mut self, error: &CallError) {
        let failure = Failure::of(error, &self.request.uri, &self.settings.config.redaction);
        self.broke(error.outcome(), failure);
    }

    /// Records why an outer layer gave up the call.
    pub(crate) fn abandoned(&mut self, reason: Abandoned) {
        self.broke(reason.outcome(), Failure::message(reason.kind(), reason.message()));
    }

    /// Keeps the outcome of a failed status.
    fn broke(&mut self, outcome: Outcome, failure: Failure) {
        self.body_end(BodyEnd::Broken);
        if self.outcome.is_none_or(Outcome::is_success) {
            self.outcome = Some(outcome);
        }
        self.failure = Some(failure);
    }

    fn body_end(&mut self, end: BodyEnd) {
        if let Some(answer) = &mut self.answer {
            answer.end = Some(end);
        }
    }

    /// The name of the outcome; `cancelled` without one.
    pub(crate) fn outcome_name(&self) -> &'static str {
        self.outcome.map_or(CANCELLED, Outcome::as_str)
    }

    /// OpenTelemetry's `error.type`: the status, or the kind of the error.
    pub(crate) fn error_type(&self) -> Option<&str> {
        match (&self.answer, &self.failure) {
            _ if self.outcome.is_none() => Some(CANCELLED),
            (Some(answer), _) if answer.status.as_u16() >= 400 => Some(answer.status.as_str()),
            (_, failure) => failure.as_ref().map(|failure| failure.kind),
        }
    }

    /// The tracking id of the attempt, or of the last attempt of the call.
    pub(crate) fn tracking_id(&self) -> Option<&TrackingId> {
        let answered = self.answer.as_ref().and_then(|answer| answer.tracking_id.as_ref());
        answered.or_else(|| self.attempts.last().and_then(|attempt| attempt.tracking_id.as_ref()))
    }

    /// The number of attempts of the call, as far as it was reported.
    pub(crate) fn attempt_count(&self) -> u32 {
        let noted = self.notes.as_ref().map_or(0, CallNotes::attempts);
        let listed = self.attempts.last().map_or(0, |attempt| attempt.number);
        noted.max(listed)
    }

    /// Whether the event has the success level.
    pub(crate) fn is_success(&self) -> bool {
        self.outcome.is_some_and(Outcome::is_success) && self.failure.is_none()
    }
}
