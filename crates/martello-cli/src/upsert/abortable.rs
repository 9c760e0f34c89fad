//! Aborts calls that are still in flight when the grace period of an interrupt ends.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use http::{Request, Response};
use martello::{Body, CallError, ErrorKind, Outcome};
use tokio::sync::watch;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A service around a stack whose calls can be aborted. The outcome of an aborted call is ambiguous.
#[derive(Clone)]
pub(super) struct Abortable<S> {
    service: S,
    abort: AbortHandle,
}

/// Aborts the calls of the services that it wraps. Clones are equivalent.
#[derive(Clone)]
pub(super) struct AbortHandle {
    aborted: watch::Sender<bool>,
    has_aborted: Arc<AtomicBool>,
}

impl AbortHandle {
    pub(super) fn new() -> Self {
        Self { aborted: watch::Sender::new(false), has_aborted: Arc::default() }
    }

    pub(super) fn wrap<S>(&self, service: S) -> Abortable<S> {
        Abortable { service, abort: self.clone() }
    }

    pub(super) fn abort(&self) {
        self.aborted.send_replace(true);
    }

    /// Whether a call was aborted.
    pub(super) fn has_aborted(&self) -> bool {
        self.has_aborted.load(Ordering::Relaxed)
    }

    async fn aborted(&self) {
        // The sender is here, so that this cannot fail.
        let _ = self.aborted.subscribe().wait_for(|aborted| *aborted).await;
    }
}

impl<S, R> Service<Request<Body>> for Abortable<S>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    /// Always ready: the call readies the stack, where that can be aborted.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { mut service, abort } = self.clone();
        Box::pin(async move {
            let answer = async {
                poll_fn(|cx| service.poll_ready(cx)).await.map_err(CallError::from_readiness)?;
                service.call(request).await.map_err(Into::into)
            };
            tokio::select! {
                biased;
                answer = answer => answer,
                () = abort.aborted() => {
                    abort.has_aborted.store(true, Ordering::Relaxed);
                    let why = "interrupted: the result is unknown";
                    Err(CallError::new(ErrorKind::Transport, Outcome::Ambiguous, why).into())
                }
            }
        })
    }
}
