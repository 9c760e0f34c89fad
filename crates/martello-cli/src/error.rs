//! The result of a command, its error, and the exit code of each.

use std::{borrow::Cow, error::Error, fmt, io};

use martello_outbox::{InvalidEntry, StoreError, StoreErrorKind};
use serde_json::json;

use crate::output::{Printable, causes, printable_json};

/// The result of a command that ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything succeeded: exit code 0.
    Success,
    /// Some items failed, or `doctor` found a problem: exit code 1.
    Partial,
    /// Some items failed temporarily, none permanently: exit code 5.
    Temporary,
}

/// Why a command failed: a message, its cause, and a kind that determines the exit code.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    message: Cow<'static, str>,
    /// The cause.
    source: Option<Box<dyn Error + Send + Sync>>,
    /// Whether `message` is the text of `source`, which then is not shown as a cause again.
    source_in_message: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Usage,
    Store,
    NotFound,
    Conflict,
    Internal,
    Interrupted,
    /// The reader of stdout closed the pipe. Not reported; exit code 0.
    ClosedPipe,
}

impl CommandError {
    fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None, source_in_message: false }
    }

    /// An invalid command line: exit code 2.
    pub(crate) fn usage(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The store does not exist: exit code 3.
    pub(crate) fn no_store(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Store, message)
    }

    /// An entry, queue, replay or file does not exist: exit code 4.
    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// The current state does not allow the change: exit code 4.
    pub(crate) fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// Any other error: exit code 7.
    pub(crate) fn other(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Interrupted by a signal, or not confirmed: exit code 130.
    pub(crate) fn interrupted(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Interrupted, message)
    }

    /// Adds the cause.
    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Appends a clause to the message.
    pub(crate) fn with_note(mut self, more: impl fmt::Display) -> Self {
        self.message = format!("{}; {more}", self.message).into();
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self.kind {
            Kind::ClosedPipe => 0,
            Kind::Usage => 2,
            Kind::Store => 3,
            Kind::NotFound | Kind::Conflict => 4,
            Kind::Internal => 7,
            Kind::Interrupted => 130,
        }
    }

    /// The text for stderr: lines, or a JSON document. Empty for a closed pipe.
    pub(crate) fn render(&self, json: bool) -> String {
        if self.kind == Kind::ClosedPipe {
            return String::new();
        }
        let causes = causes(self.source());
        if json {
            let (kind, code) = (self.kind.word(), self.code());
            let error = json!({"code": code, "kind": kind, "message": self.message, "causes": causes});
            return printable_json(&format!("{}\n", json!({"error": error})));
        }
        let causes = causes.iter().map(|cause| format!("  because: {}\n", Printable::new(cause)));
        format!("martello: {}\n{}", Printable::new(&self.message), causes.collect::<String>())
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Store => "store",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Internal => "internal",
            Self::Interrupted => "interrupted",
            Self::ClosedPipe => "closed_pipe",
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref().map(|source| source as &(dyn Error + 'static));
        if self.source_in_message { source.and_then(Error::source) } else { source }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            StoreErrorKind::NotFound => Kind::NotFound,
            StoreErrorKind::Conflict => Kind::Conflict,
            StoreErrorKind::Invalid => Kind::Usage,
            StoreErrorKind::Unusable
            | StoreErrorKind::ReadOnly
            | StoreErrorKind::Full
            | StoreErrorKind::Unavailable => Kind::Store,
            _ => Kind::Internal,
        };
        Self { kind, message: error.to_string().into(), source: Some(error.into()), source_in_message: true }
    }
}

impl From<InvalidEntry> for CommandError {
    fn from(error: InvalidEntry) -> Self {
        Self::usage(error.to_string())
    }
}

/// An error of writing to stdout.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Kind::ClosedPipe, ""),
            _ => Self::other("failed to write to standard output").with_source(error),
        }
    }
}
