//! The measurements. Each runs in its own process, so that no case inherits the state of another: a
//! subscriber, a warm allocator, a branch predictor.

pub mod allocations;
pub mod connections;
pub mod instructions;
pub(crate) mod quartiles;
pub mod throughput;
pub mod time;

use std::fmt;

use tokio::runtime::{self, Runtime};

use crate::{
    Error,
    case::Case,
    fixture::{ANSWERED, SENT},
    place::Place,
    subjects::{self, Drive, Subject, Tally},
};

/// A measured value of a subject in a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub measure: String,
    pub value: f64,
    pub unit: String,
}

impl Found {
    /// With four decimals, which is more than is reproducible.
    pub(crate) fn new(measure: &str, value: f64, unit: &str) -> Self {
        Self { measure: measure.to_owned(), value: (value * 1e4).round() / 1e4, unit: unit.to_owned() }
    }

    /// Parses a line that another process printed.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let value = words.next()?.parse().ok()?;
        Some(Self::new(words.next()?, value, words.next()?))
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.value, self.measure, self.unit)
    }
}

/// A subject at its target, with a check that it does its work.
pub struct Bench {
    case: Case,
    place: Place,
    subject: Box<dyn Subject>,
    runtime: Runtime,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").field("case", &self.case).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Bench {
    /// `None` when the subject does not support the case.
    ///
    /// # Errors
    ///
    /// When the subject does not exist, or its builder refuses the configuration.
    pub fn new(case: Case, subject: &str) -> Result<Option<Self>, Error> {
        Self::at(Place::of(case)?, case, subject)
    }

    /// At a target that it shares with others.
    fn at(place: Place, case: Case, subject: &str) -> Result<Option<Self>, Error> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let subject = {
            let _inside = runtime.enter();
            subjects::make(subject, case, &place)?
        };
        Ok(subject.map(|subject| Self { case, place, subject, runtime }))
    }

    /// Makes this many calls, one after the other.
    ///
    /// # Errors
    ///
    /// When a call fails, or part of the work was left out.
    pub fn run(&mut self, calls: u64, drive: Drive) -> Result<(), Error> {
        let before = self.place.answers().counts();
        let found = self.runtime.block_on(self.subject.drive(calls, drive))?;
        self.check(before, calls, found)
    }

    /// Makes this many calls in each of this many tasks.
    fn run_in_tasks(&mut self, tasks: u64, calls: u64) -> Result<(), Error> {
        let before = self.place.answers().counts();
        let found = self.runtime.block_on(async {
            let mut running = tokio::task::JoinSet::new();
            for _ in 0..tasks {
                let mut subject = self.subject.fork();
                running.spawn(async move { subject.drive(calls, Drive::Both).await });
            }
            let mut found = Tally::default();
            while let Some(tally) = running.join_next().await {
                found += tally??;
            }
            Ok::<_, Error>(found)
        })?;
        self.check(before, tasks * calls, found)
    }

    fn check(&self, before: (u64, u64), calls: u64, found: Tally) -> Result<(), Error> {
        let identified = if self.case.has_id() { calls } else { 0 };
        let expected = Tally { answered: calls, bytes: calls * ANSWERED, identified };
        if found != expected {
            return Err(format!("expected {expected:?}, found {found:?}").into());
        }
        let after = self.place.answers().counts();
        let (attempts, bytes) = (after.0 - before.0, after.1 - before.1);
        let expected = calls * self.case.attempts();
        if (attempts, bytes) != (expected, expected * SENT) {
            let should = format!("expected {expected} attempts of {SENT} bytes");
            return Err(format!("{should}, the server saw {attempts} with {bytes} bytes").into());
        }
        Ok(())
    }
}
