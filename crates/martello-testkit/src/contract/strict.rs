use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tower_service::Service;

/// A service that notices when its user breaks the contract of [`Service`], and serves it all the same.
///
/// Clones share the record. A clone is not ready, whatever the original is.
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
    /// `call` on an instance that `poll_ready` never readied.
    CalledUnready,
    /// `call` on an unready clone of an instance that is ready: readiness does not pass to clones.
    CalledClone,
    /// A second `call` on one readiness.
    CalledTwice,
    /// `call` although the last `poll_ready` was pending.
    CalledPending,
    /// `call` after `poll_ready` answered with an error.
    CalledAfterError,
    /// A response future polled after it had completed.
    PolledAfterCompletion,
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::CalledUnready => "it called an instance that it had never polled ready",
            Self::CalledClone => "it called a clone on the readiness of the original",
            Self::CalledTwice => "it called an instance twice after polling it ready once",
            Self::CalledPending => "it called an instance whose readiness was pending",
            Self::CalledAfterError => "it called an instance whose readiness had failed",
            Self::PolledAfterCompletion => "it polled a response future after its completion",
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

/// Each kind of misuse is kept once, so the record is bounded.
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
    /// Watches over this service.
    pub fn new(inner: S) -> Self {
        Self { inner, readiness: Readiness::Unknown, misuses: Misuses::default() }
    }

    /// The ways in which this service or a clone of it was misused so far, each once, the first one first.
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
    /// Polled after its completion it is pending for ever, and the misuse is noted.
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
