//! How each number is found.

pub mod allocations;
pub mod instructions;

use crate::{
    case::Case,
    fixture::{ANSWERED, Error, SENT, Server},
    subjects::{self, Drive, Tally},
};

/// Makes calls in memory, and checks that all the work was done.
#[expect(missing_debug_implementations, reason = "a subject has no type")]
pub struct Bench {
    case: Case,
    drive: Drive,
    server: Server,
    subject: Box<dyn subjects::Subject>,
    runtime: tokio::runtime::Runtime,
}

impl Bench {
    /// Nothing where the subject cannot do the case.
    ///
    /// # Errors
    ///
    /// When there is no such subject, or its maker refuses its configuration.
    pub fn new(case: Case, subject: &str, drive: Drive) -> Result<Option<Self>, Error> {
        let server = Server::new(case)?;
        let Some(subject) = subjects::in_memory(subject, case, server.clone())? else {
            return Ok(None);
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Ok(Some(Self { case, drive, server, subject, runtime }))
    }

    /// # Errors
    ///
    /// When a call fails, or anything of the work was left out.
    pub fn run(&mut self, calls: u64) -> Result<(), Error> {
        let (attempts, sent) = self.server.counts();
        let found = self.runtime.block_on(self.subject.drive(calls, self.drive))?;
        let expected = Tally {
            answered: calls,
            bytes: calls * ANSWERED,
            identified: if self.case.has_id() { calls } else { 0 },
        };
        if found != expected {
            return Err(format!("expected {expected:?} of {calls} calls, found {found:?}").into());
        }
        let (attempts, sent) = (self.server.counts().0 - attempts, self.server.counts().1 - sent);
        let expected = calls * self.case.attempts();
        if (attempts, sent) != (expected, expected * SENT) {
            return Err(format!(
                "expected {expected} attempts of {SENT} bytes, the server saw {attempts} and {sent} bytes"
            )
            .into());
        }
        Ok(())
    }
}
