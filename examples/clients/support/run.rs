//! The calls of an example, and the checks of their results.

use std::{
    fmt::Display,
    io::{self, Write},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri, Version};
use http_body_util::BodyExt;
use martello::{Attempts, Body, CallError};
use tower::{Service, ServiceExt};

use crate::{BoxError, Log, Planner};

/// How long an example waits for a plan before it cancels the call.
pub const PLAN_TIMEOUT: Duration = Duration::from_millis(200);

/// Writes an order, which takes two attempts, over this version of HTTP. Then requests a plan, and cancels
/// the call. Checks the results and the log of both calls.
///
/// # Errors
///
/// When a call fails, or when the retry, a Trackingid or the record of the cancelled call is missing.
pub async fn deliver<S, R>(api: S, version: Version, planner: &Planner, log: &Log) -> Result<(), BoxError>
where
    S: Service<Request<Body>, Response = Response<R>, Error = CallError> + Clone,
    R: http_body::Body<Data = Bytes, Error = CallError>,
{
    let mut run = Run::new(log);
    let uri = planner.uri("/orders/DO-1")?;
    let order = Request::put(uri.clone()).body(Body::from(r#"{"stops":3}"#))?;
    let response = api.clone().oneshot(order).await?;
    run.print(format_args!("PUT {uri}: {} over {:?}", response.status(), response.version()))?;
    run.check("the version of HTTP", response.version() == version);
    run.check("the order's status", response.status() == 201);
    let attempts = Attempts::of(&response).cloned().unwrap_or_default();
    let written = response.into_body().collect().await?.to_bytes();
    run.check("the order, as it was sent", written == r#"{"stops":3}"#);
    run.attempts(&uri, &attempts, &planner.tracking_ids(uri.path()))?;

    let uri = planner.uri("/plans/today")?;
    let plan = Request::get(uri.clone()).body(Body::empty())?;
    let waiting = tokio::time::timeout(PLAN_TIMEOUT, api.oneshot(plan));
    run.cancelled(&uri, waiting.await.is_err())?;
    run.finish()
}

/// The checks of a run.
#[derive(Debug)]
pub struct Run {
    log: Log,
    missing: Vec<&'static str>,
}

impl Run {
    /// Starts without any failed check.
    #[must_use]
    pub fn new(log: &Log) -> Self {
        Self { log: log.clone(), missing: Vec::new() }
    }

    /// Prints a line.
    ///
    /// # Errors
    ///
    /// When stdout is closed.
    pub fn print(&self, what: impl Display) -> io::Result<()> {
        writeln!(io::stdout(), "{what}")
    }

    /// Records a failed check, unless the condition is true.
    pub fn check(&mut self, what: &'static str, passed: bool) {
        if !passed {
            self.missing.push(what);
        }
    }

    /// Checks that there was a retry, and that the history and the log contain the Trackingid that the server
    /// gave to each attempt.
    ///
    /// # Errors
    ///
    /// When stdout is closed.
    pub fn attempts(&mut self, uri: &Uri, attempts: &Attempts, given: &[String]) -> io::Result<()> {
        let mut known = Vec::new();
        for attempt in attempts.iter() {
            let id = attempt.tracking_id.map_or_else(String::new, |id| id.to_string());
            let outcome = attempt.outcome.as_str();
            self.print(format_args!("  attempt {}: {outcome}, Trackingid {id}", attempt.number))?;
            known.push(id);
        }
        self.check("a retry", known.len() > 1);
        self.check("a Trackingid", known == given);
        let url = format!("url.full={uri} ");
        let logged = |id| self.log.has(&[&url, &format!("tracking_id={id} ")]);
        let logged = given.iter().all(logged);
        self.check("a Trackingid in the log", logged);
        Ok(())
    }

    /// Checks that the log records the call as cancelled.
    ///
    /// # Errors
    ///
    /// When stdout is closed.
    pub fn cancelled(&mut self, uri: &Uri, cancelled: bool) -> io::Result<()> {
        self.check("a cancelled call", cancelled);
        let url = format!("url.full={uri} ");
        self.check(
            "the record of a cancelled call",
            self.log.has(&["martello::call", &url, "outcome=cancelled "]),
        );
        self.print(format_args!("{uri}: cancelled"))
    }

    /// Prints the result of the checks.
    ///
    /// # Errors
    ///
    /// When a check has failed.
    pub fn finish(self) -> Result<(), BoxError> {
        match &self.missing[..] {
            [] => self
                .print("checked: the retry, each Trackingid, and the record of the cancelled call")
                .map_err(Into::into),
            missing => Err(format!("missing: {}", missing.join(", ")).into()),
        }
    }
}
