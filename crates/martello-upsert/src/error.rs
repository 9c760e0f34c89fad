use std::{borrow::Cow, error::Error, fmt};

use martello_outcome::{BoxError, ConfigError, Printable};

use crate::Report;

/// Why a run failed.
///
/// ```
/// # use futures_util::stream;
/// # use http::{Request, Response};
/// use martello_upsert::{UpsertAll, UpsertErrorKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let stack = tower::service_fn(|_: Request<martello_body::Body>| async {
/// #     Ok::<_, http::Error>(Response::new(martello_body::Body::empty()))
/// # });
/// let upserts = UpsertAll::new(stack, |id: &u32| Request::put(format!("https://api.example/{id}")).body("{}"));
/// let error = upserts.concurrency(0).run(stream::iter([1])).await.unwrap_err();
/// assert_eq!(error.kind(), UpsertErrorKind::Config);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpsertErrorKind {
    /// A setting is out of its range. The run read and sent nothing.
    Config,
    /// The journal could not be read or written.
    Journal,
    /// The journal belongs to another input.
    OtherInput,
    /// The journal belongs to a run with the same input, and with another method, URL or headers.
    OtherTarget,
    /// Another run uses the journal.
    JournalInUse,
    /// A line of the journal is not a record, the journal has another version, or the file is not a journal
    /// or not a regular file.
    JournalDamaged,
}

/// The error of a run that did not reach the end of its input.
///
/// The failure of a single entity is a [`Record`](crate::Record), not an error.
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

    /// Why the run failed.
    #[must_use]
    pub fn kind(&self) -> UpsertErrorKind {
        self.0.kind
    }

    /// The report of the run until then, if it had begun. It includes the requests that were in flight, also
    /// if the journal could not be written.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.0.report.as_ref()
    }
}

impl From<ConfigError> for UpsertError {
    fn from(error: ConfigError) -> Self {
        Self::new(UpsertErrorKind::Config, "the settings of the upserts are invalid").with_source(error)
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
