//! Handles the events of a poll.

use std::{
    error::Error,
    io,
    time::{Duration, SystemTime},
};

use http::StatusCode;
use jiff::Timestamp;
use martello::{ErrorKind, outcome::RetryAfter};
use martello_poll::{Batch, Event, PollError, PollErrorKind, Poller, ResyncReason};

use super::emit;
use crate::{
    error::{CommandError, Exit},
    output::{Output, Time},
};

/// With `--once`, how many failed passes are repeated.
const MAX_FAILURES: u32 = 2;
/// With `--once`, the longest wait that the server may ask for.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Handles the events of a poller.
pub(super) struct Follower<'a> {
    pub(super) out: &'a mut Output,
    pub(super) print: Option<&'a str>,
    pub(super) once: bool,
    failures: u32,
    parked: bool,
}

/// What to do after an event.
enum Step {
    Continue,
    End(Result<Exit, CommandError>),
}

impl<'a> Follower<'a> {
    pub(super) fn new(out: &'a mut Output, print: Option<&'a str>, once: bool) -> Self {
        Self { out, print, once, failures: 0, parked: false }
    }

    /// Prints items until the poll ends; `None` if the poller was stopped. Saves what was acknowledged.
    pub(super) async fn follow(mut self, poller: &mut Poller) -> Result<Option<Exit>, CommandError> {
        let ended = loop {
            let Some(event) = poller.next().await? else { return Ok(None) };
            match self.see(event).await {
                Ok(Step::Continue) => {}
                Ok(Step::End(ended)) => break ended,
                Err(error) => break Err(error),
            }
        };
        poller.stopper().stop();
        while poller.next().await?.is_some() {}
        ended.map(Some)
    }

    async fn see(&mut self, event: Event<'_>) -> Result<Step, CommandError> {
        match event {
            Event::Batch(batch) => self.print(batch).await?,
            Event::CaughtUp { .. } if self.once => {
                let exit = if self.parked { Exit::Partial } else { Exit::Success };
                return Ok(Step::End(Ok(exit)));
            }
            Event::CaughtUp { .. } => self.failures = 0,
            Event::Failed { error, retry_in, .. } => return self.failed(&error, retry_in),
            Event::Resync { gap, reason, .. } => {
                let why = match reason {
                    ResyncReason::OtherSource => "the checkpoint belongs to another source",
                    ResyncReason::StartExpired => {
                        "the source no longer lists every change since the first --from"
                    }
                    _ => "the source no longer lists every change since the checkpoint",
                };
                let gap = gap.map_or(String::new(), |gap| format!(" (a gap of {gap:?})"));
                self.out.event(&format!("{why}{gap}: requesting everything"), None)?;
            }
            _ => {}
        }
        Ok(Step::Continue)
    }

    /// Prints a batch, and acknowledges it once it is written and flushed.
    async fn print(&mut self, batch: Batch<'_>) -> Result<(), CommandError> {
        for issue in batch.issues() {
            let parked = if issue.kind.is_parked() { "; parked" } else { "" };
            self.parked |= issue.kind.is_parked();
            self.out.event(&format!("{issue}{parked}"), None)?;
        }
        let (lines, messages) = emit::lines(&batch, self.print);
        self.parked |= !messages.is_empty();
        for message in messages {
            self.out.event(&message, None)?;
        }
        emit::write(lines).await?;
        match batch.ack().await {
            // If the error ends the poll, the next event reports it again.
            Err(error) => Ok(self.out.event(&error.to_string(), error.source())?),
            Ok(()) => Ok(()),
        }
    }

    fn failed(&mut self, error: &PollError, retry_in: Duration) -> Result<Step, CommandError> {
        self.failures += 1;
        let lasting = is_lasting(error);
        let elsewhere = matches!(error.kind(), PollErrorKind::HeldElsewhere | PollErrorKind::LeaseLost);
        let long = asked(error).filter(|asked| *asked > MAX_WAIT);
        if self.once && (lasting || elsewhere || long.is_some() || self.failures > MAX_FAILURES) {
            self.out.event(&error.to_string(), error.source())?;
            if lasting {
                let error =
                    CommandError::other("the pass failed, and another pass would fail in the same way");
                return Ok(Step::End(Err(error)));
            }
            if let Some(until) = long.and_then(|long| Timestamp::now().checked_add(long).ok()) {
                self.out.event(&format!("the server asks to wait until {}", Time(until)), None)?;
            }
            return Ok(Step::End(Ok(Exit::Temporary)));
        }
        self.out.event(&format!("{error}; retrying in {retry_in:.0?}"), error.source())?;
        Ok(Step::Continue)
    }
}

/// Whether the next pass would fail in the same way: the server rejects the request without a `Retry-After`,
/// or its response is not what the command line describes.
fn is_lasting(error: &PollError) -> bool {
    use martello_poll::PageErrorKind::{Call, Status};
    let Some(page) = error.page_error() else { return error.kind() == PollErrorKind::Source };
    match page.kind() {
        // The body of a success exceeds the size limit.
        Call => page
            .call_error()
            .is_some_and(|call| call.kind() == ErrorKind::Body && call.outcome().is_success()),
        // An expired cursor; a new pass starts without it.
        Status if error.kind() == PollErrorKind::PassAborted => false,
        Status => {
            let refused =
                |status: StatusCode| status.is_client_error() && ![408, 425, 429].contains(&status.as_u16());
            page.status().is_some_and(refused) && asked(error).is_none()
        }
        _ => true,
    }
}

/// How long `Retry-After` asks to wait.
fn asked(error: &PollError) -> Option<Duration> {
    let head = error.page_error()?.head()?;
    RetryAfter::from_headers(&head.headers, SystemTime::now()).map(RetryAfter::duration)
}

impl From<PollError> for CommandError {
    fn from(error: PollError) -> Self {
        let message = match error.kind() {
            PollErrorKind::OtherSource => {
                "the checkpoint belongs to another source, with another URL, other filters or other headers: give another file, or add --resync".to_owned()
            }
            _ => error.to_string(),
        };
        Self::other(message).with_source(io::Error::other(error))
    }
}
