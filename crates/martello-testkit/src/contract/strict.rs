use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_service::Service;

/// Wraps a service and records how its caller breaks the contract of [`Service`]. It forwards the calls in
/// any case.
///
/// Clones share the record. A clone is never ready, even if the original is.
///
/// ```
/// use http::Request;
/// use martello_testkit::contract::{Memory, Misuse, Strict};
/// use tower::Service;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut service = Strict::new(Memory::new());
/// let _ = service.call(Request::new(http_body_util::Empty::<bytes::Bytes>::new())).await; // without `poll_ready`
/// assert_eq!(service.misuses(), [Misuse::CalledUnready]);
/// # }
/// ```
#[derive(Debug)]
pub struct Strict<S> {
    inner: S,
    readiness: Readiness,
    misuses: Misuses,
}

/// A way in which a [`Strict`] service was misused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// `call` without a `poll_ready` before it.
    CalledUnready,
    /// `call` on an unready clone of a ready instance. Readiness belongs to one instance.
    CalledClone,
    /// A second `call` after one `poll_ready`.
    CalledTwice,
    /// `call` after a `poll_ready` that was pending.
    CalledPending,
    /// `call` after a `poll_ready` that returned an error.
    CalledAfterError,
    /// A poll of a response future after it completed.
    PolledAfterCompletion,
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CalledUnready => "it called an instance without polling it ready first",
            Self::CalledClone => "it polled the original ready, but called an unready clone",
            Self::CalledTwice => "it called an instance twice after polling it ready once",
            Self::CalledPending => "it called an instance after a pending `poll_ready`",
            Self::CalledAfterError => "it called an instance after a failed `poll_ready`",
            Self::PolledAfterCompletion => "it polled a response future after the future had completed",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Unknown,
    CloneOfReady,
    Ready,
    Spent,
    Pending,
    Failed,
}

/// Each kind of misuse is recorded once, so the record is bounded.
#[derive(Debug, Clone, Default)]
struct Misuses(Arc<Mutex<Vec<Misuse>>>);

impl Misuses {
    fn note(&self, misuse: Misuse) {
        let mut misuses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !misuses.contains(&misuse) {
            misuses.push(misuse);
        }
    }
}

impl<S> Strict<S> {
    /// Wraps this service.
    pub fn new(inner: S) -> Self {
        Self { inner, readiness: Readiness::Unknown, misuses: Misuses::default() }
    }

    /// The misuses of this service and its clones so far, each kind once, in the order of their first time.
    #[must_use]
    pub fn misuses(&self) -> Vec<Misuse> {
        self.misuses.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S: Clone> Clone for Strict<S> {
    fn clone(&self) -> Self {
        let readiness = match self.readiness {
            Readiness::Ready | Readiness::CloneOfReady => Readiness::CloneOfReady,
            _ => Readiness::Unknown,
        };
        Self { inner: self.inner.clone(), readiness, misuses: self.misuses.clone() }
    }
}

impl<S, Request> Service<Request> for Strict<S>
where
    S: Service<Request>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = StrictFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let polled = self.inner.poll_ready(cx);
        self.readiness = match &polled {
            Poll::Ready(Ok(())) => Readiness::Ready,
            Poll::Ready(Err(_)) => Readiness::Failed,
            Poll::Pending => Readiness::Pending,
        };
        polled
    }

    fn call(&mut self, request: Request) -> StrictFuture<S::Future> {
        let misuse = match self.readiness {
            Readiness::Ready => None,
            Readiness::Unknown => Some(Misuse::CalledUnready),
            Readiness::CloneOfReady => Some(Misuse::CalledClone),
            Readiness::Spent => Some(Misuse::CalledTwice),
            Readiness::Pending => Some(Misuse::CalledPending),
            Readiness::Failed => Some(Misuse::CalledAfterError),
        };
        if let Some(misuse) = misuse {
            self.misuses.note(misuse);
        }
        self.readiness = Readiness::Spent;
        StrictFuture { inner: self.inner.call(request), completed: false, misuses: self.misuses.clone() }
    }
}

pin_project! {
    /// The response future of a [`Strict`] service.
    ///
    /// After its completion it is pending for ever, and records the misuse.
    #[derive(Debug)]
    pub struct StrictFuture<F> {
        #[pin]
        inner: F,
        completed: bool,
        misuses: Misuses,
    }
}

impl<F: Future> Future for StrictFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if *this.completed {
            this.misuses.note(Misuse::PolledAfterCompletion);
            return Poll::Pending;
        }
        let polled = this.inner.poll(cx);
        *this.completed = polled.is_ready();
        polled
    }
}
