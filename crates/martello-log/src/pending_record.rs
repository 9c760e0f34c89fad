use std::{fmt, sync::Arc};

use bytes::Buf;
use http::{Extensions, Request, Response};
use http_body::{Body, Frame};
use martello_outcome::{Abandoned, AttemptNumber, CallError, CallNotes};
use tracing::{Span, span::Entered};

use crate::{
    event,
    record::Record,
    settings::{Kind, Settings},
};

/// A record that is not complete yet. The future owns it, then the body. Its drop writes the event, so there
/// is exactly one event per record.
pub(crate) struct PendingRecord {
    span: Span,
    pub(crate) record: Record,
}

impl PendingRecord {
    /// Starts the record of this request; `None` if no subscriber is interested. Then this reads no clock and
    /// allocates nothing.
    pub(crate) fn start<B: Body>(settings: &Arc<Settings>, request: &mut Request<B>) -> Option<Box<Self>> {
        let number = match settings.kind {
            Kind::Attempt if !request.extensions().is_empty() => note_attempt(request.extensions()),
            _ => 1,
        };
        if settings.may_be_read() { Self::of(settings, request, number) } else { None }
    }

    /// A separate function, so that a call without a record does not save registers for it.
    #[inline(never)]
    fn of<B: Body>(settings: &Arc<Settings>, request: &mut Request<B>, number: u32) -> Option<Box<Self>> {
        let span = event::span(settings, request);
        let wanted = event::is_wanted(settings.kind, settings.levels.success)
            || event::is_wanted(settings.kind, settings.levels.failure)
            || !span.is_disabled()
            || settings.metrics();
        if !wanted {
            return None;
        }
        let pending = Box::new(Self { span, record: Record::new(settings, request, number) });
        if let Some(notes) = &pending.record.notes {
            request.extensions_mut().insert(notes.clone());
        }
        #[cfg(feature = "metrics")]
        crate::metrics::started(&pending.record);
        Some(pending)
    }

    /// Enters the span of the call, if this is the record of one.
    pub(crate) fn enter(&self) -> Entered<'_> {
        self.span.enter()
    }

    /// Records the response's head, and returns the record if a body follows.
    pub(crate) fn answered<R: Body>(mut self: Box<Self>, response: &Response<R>) -> Option<Box<Self>> {
        self.record.answered(response).then_some(self)
    }

    /// Records the error that came in place of a response.
    pub(crate) fn failed(mut self: Box<Self>, error: &CallError) {
        self.record.failed(error);
    }

    /// Records why this is dropped before its end, if the layer that drops it set a reason.
    pub(crate) fn dropped(&mut self) {
        if let Some(reason) = Abandoned::reason() {
            self.record.abandoned(reason);
        }
    }

    /// Records a frame, an error or the end of the body.
    pub(crate) fn read<D: Buf>(&mut self, frame: Option<&Result<Frame<D>, CallError>>, last: bool) {
        match frame {
            Some(Ok(frame)) => self.record.read(frame, last),
            Some(Err(error)) => self.record.body_broke(error),
            None => self.record.body_ended(),
        }
    }
}

/// The number of this attempt. Reports it to the record of the call too, because this attempt may be dropped.
fn note_attempt(extensions: &Extensions) -> u32 {
    let number = AttemptNumber::of(extensions);
    if let Some(notes) = CallNotes::of(extensions) {
        notes.attempt(number);
    }
    number
}

impl Drop for PendingRecord {
    fn drop(&mut self) {
        self.record.took = self.record.started.elapsed();
        self.span.in_scope(|| event::write(&self.record));
        event::close_span(&self.span, &self.record);
        #[cfg(feature = "metrics")]
        crate::metrics::ended(&self.record);
    }
}

/// Shows nothing of the request, which may contain secrets: a user may print a response.
impl fmt::Debug for PendingRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRecord").finish_non_exhaustive()
    }
}
