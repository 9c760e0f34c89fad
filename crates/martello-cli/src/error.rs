//! How a command ends when it does not end well, and the code that says so.

use std::{borrow::Cow, error::Error, fmt, io};

use martello_outbox::{InvalidEntry, StoreError, StoreErrorKind};
use serde_json::json;

use crate::output::{Printable, causes, printable_json};

/// How a command ended that did what it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Success,
    /// Some of it could not be done, or somebody should look at something.
    Partial,
    /// Some of it failed in a way that passes: doing it again is enough.
    Temporary,
}

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct CommandError {
    kind: Kind,
    message: Cow<'static, str>,
    /// What brought it about; its own words are in the message already if `spoken`.
    source: Option<Box<dyn Error + Send + Sync>>,
    spoken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Usage,
    Store,
    NotFound,
    Conflict,
    Internal,
    Interrupted,
    /// Whoever read our output has gone away, which is no failure.
    ClosedPipe,
}

impl CommandError {
    fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None, spoken: false }
    }

    /// The command line makes no sense.
    pub(crate) fn usage(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// There is no store there.
    pub(crate) fn no_store(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Store, message)
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, message)
    }

    /// It is in a state that does not allow it.
    pub(crate) fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, message)
    }

    /// Something else.
    pub(crate) fn other(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// Somebody pressed Ctrl-C.
    pub(crate) fn interrupted(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Interrupted, message)
    }

    /// This failure, caused by `source`.
    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// This failure, with something more to say.
    pub(crate) fn and(mut self, more: impl fmt::Display) -> Self {
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

    /// What is written to stderr: nothing when nobody reads.
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
        if self.spoken { source.and_then(Error::source) } else { source }
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
        Self { kind, message: error.to_string().into(), source: Some(error.into()), spoken: true }
    }
}

impl From<InvalidEntry> for CommandError {
    fn from(error: InvalidEntry) -> Self {
        Self::usage(error.to_string())
    }
}

/// Of what is written out.
impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Kind::ClosedPipe, ""),
            _ => Self::other("the output cannot be written").with_source(error),
        }
    }
}
