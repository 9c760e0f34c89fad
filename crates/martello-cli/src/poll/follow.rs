//! Goes from event to event.

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

/// With `--once`, so many failures are waited out, if the server asks for no more than this.
const PATIENCE: u32 = 2;
const LONGEST: Duration = Duration::from_secs(60);

/// What is to be made of the events.
pub(super) struct Follower<'a> {
    pub(super) out: &'a mut Output,
    pub(super) print: Option<&'a str>,
    pub(super) once: bool,
    failures: u32,
    parked: bool,
}

/// Whether to go on.
enum Step {
    Continue,
    End(Result<Exit, CommandError>),
}

impl<'a> Follower<'a> {
    pub(super) fn new(out: &'a mut Output, print: Option<&'a str>, once: bool) -> Self {
        Self { out, print, once, failures: 0, parked: false }
    }

    /// Prints what comes until there is a reason to end, or the poller is stopped: `None`. What was acknowledged is saved.
    pub(super) async fn follow(mut self, poller: &mut Poller) -> Result<Option<Exit>, CommandError> {
        let ended = loop {
            let Some(event) = poller.next().await? else { return Ok(None) };
            match self.see(event).await {
                Ok(Step::Continue) => {}
                Ok(Step::End(ended)) => break ended,
                Err(failure) => break Err(failure),
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
                    ResyncReason::OtherSource => "the checkpoint is of another source",
                    ResyncReason::StartExpired => {
                        "the source no longer lists all that changed since the first --from"
                    }
                    _ => "the source no longer lists all that changed since the checkpoint",
                };
                let gap = gap.map_or(String::new(), |gap| format!(", {gap:?} long"));
                self.out.event(&format!("{why}{gap}: everything is asked for"), None)?;
            }
            _ => {}
        }
        Ok(Step::Continue)
    }

    /// Acknowledges what was written and flushed, and nothing else.
    async fn print(&mut self, batch: Batch<'_>) -> Result<(), CommandError> {
        for issue in batch.issues() {
            let parked = if issue.kind.is_parked() { "; it is parked" } else { "" };
            self.parked |= issue.kind.is_parked();
            self.out.event(&format!("{issue}{parked}"), None)?;
        }
        let (lines, told) = emit::lines(&batch, self.print);
        self.parked |= !told.is_empty();
        for what in told {
            self.out.event(&what, None)?;
        }
        emit::write(lines).await?;
        match batch.ack().await {
            // What ends the poll, the poller says once more.
            Err(error) => Ok(self.out.event(&error.to_string(), error.source())?),
            Ok(()) => Ok(()),
        }
    }

    fn failed(&mut self, error: &PollError, retry_in: Duration) -> Result<Step, CommandError> {
        self.failures += 1;
        let lasting = is_lasting(error);
        let elsewhere = matches!(error.kind(), PollErrorKind::HeldElsewhere | PollErrorKind::LeaseLost);
        let long = asked(error).filter(|asked| *asked > LONGEST);
        if self.once && (lasting || elsewhere || long.is_some() || self.failures > PATIENCE) {
            self.out.event(&error.to_string(), error.source())?;
            if lasting {
                let failure =
                    CommandError::other("the pass could not be ended, and trying again will not help");
                return Ok(Step::End(Err(failure)));
            }
            if let Some(until) = long.and_then(|long| Timestamp::now().checked_add(long).ok()) {
                self.out.event(&format!("the server asks to wait until {}", Time(until)), None)?;
            }
            return Ok(Step::End(Ok(Exit::Temporary)));
        }
        self.out.event(&format!("{error}; again in {retry_in:.0?}"), error.source())?;
        Ok(Step::Continue)
    }
}

/// Whether it is the same the next time: the server does not want the request, names no moment when it would, or its
/// answer is not what was expected.
fn is_lasting(error: &PollError) -> bool {
    use martello_poll::PageErrorKind::{Call, Status};
    let Some(page) = error.page_error() else { return error.kind() == PollErrorKind::Source };
    match page.kind() {
        // A success whose body failed was larger than is read.
        Call => page
            .call_error()
            .is_some_and(|call| call.kind() == ErrorKind::Body && call.outcome().is_success()),
        // A cursor has expired.
        Status if error.kind() == PollErrorKind::PassAborted => false,
        Status => {
            let refused =
                |status: StatusCode| status.is_client_error() && ![408, 425, 429].contains(&status.as_u16());
            page.status().is_some_and(refused) && asked(error).is_none()
        }
        _ => true,
    }
}

/// How long the server asks to wait.
fn asked(error: &PollError) -> Option<Duration> {
    let head = error.page_error()?.head()?;
    RetryAfter::from_headers(&head.headers, SystemTime::now()).map(RetryAfter::duration)
}

impl From<PollError> for CommandError {
    fn from(error: PollError) -> Self {
        let message = match error.kind() {
            PollErrorKind::OtherSource => {
                "the checkpoint is that of another source, of other filters or of other headers: name another file, or say --resync".to_owned()
            }
            _ => error.to_string(),
        };
        Self::other(message).with_source(io::Error::other(error))
    }
}
