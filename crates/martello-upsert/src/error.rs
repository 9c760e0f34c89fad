use std::{borrow::Cow, error::Error, fmt};

use martello_outcome::{BoxError, ConfigError, Printable};

use crate::Report;

/// What kept a run from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpsertErrorKind {
    /// A setting is out of its range. Nothing was read and nothing sent.
    Config,
    /// The journal could not be read or written.
    Journal,
    /// The journal belongs to another input.
    OtherInput,
    /// The journal belongs to a run with the same input, and with another method, URL or headers.
    OtherTarget,
    /// Another run has the journal.
    JournalInUse,
    /// The journal has a line that is no record, is of another version, or the file is none or not a regular
    /// one.
    JournalDamaged,
}

/// Why a run has not come to its end. What becomes of a single entity is never an error: that is a
/// [`Record`](crate::Record).
pub struct UpsertError(Box<Inner>);

struct Inner {
    kind: UpsertErrorKind,
    message: Cow<'static, str>,
    report: Option<Report>,
    source: Option<BoxError>,
}

impl UpsertError {
    pub(crate) fn new(kind: UpsertErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), report: None, source: None }))
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_report(mut self, report: Report) -> Self {
        self.0.report = Some(report);
        self
    }

    /// What kept the run from its end.
    #[must_use]
    pub fn kind(&self) -> UpsertErrorKind {
        self.0.kind
    }

    /// What the run had come to by then, if it had begun. What was in task came to its end, whether or not
    /// that could be written into the journal.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.0.report.as_ref()
    }
}

impl From<ConfigError> for UpsertError {
    fn from(error: ConfigError) -> Self {
        Self::new(UpsertErrorKind::Config, "the upserts are not set up as they must be").with_source(error)
    }
}

impl fmt::Display for UpsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable::new(&self.0.message))
    }
}

impl fmt::Debug for UpsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpsertError")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("report", &self.0.report)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for UpsertError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
