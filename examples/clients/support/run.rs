//! What a run does, and what it must have shown in the end.

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

/// How long the user waits for a plan.
pub const PLAN_TIMEOUT: Duration = Duration::from_millis(200);

/// Writes an order, which takes two attempts, over this version of HTTP; asks for a plan, and gives that up; and looks
/// at what is known of both.
///
/// # Errors
///
/// When a call fails, or when the retry, a Trackingid or the record of what was given up is missing.
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

/// What is missing in a run, if anything.
#[derive(Debug)]
pub struct Run {
    log: Log,
    missing: Vec<&'static str>,
}

impl Run {
    /// Nothing so far.
    #[must_use]
    pub fn new(log: &Log) -> Self {
        Self { log: log.clone(), missing: Vec::new() }
    }

    /// Tells the reader.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub fn print(&self, what: impl Display) -> io::Result<()> {
        writeln!(io::stdout(), "{what}")
    }

    /// Something that must be there.
    pub fn check(&mut self, what: &'static str, is_there: bool) {
        if !is_there {
            self.missing.push(what);
        }
    }

    /// Checks that there was a retry, and that the Trackingid of each attempt is known, here and in the log, as the
    /// server gave it.
    ///
    /// # Errors
    ///
    /// When nobody listens.
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

    /// Checks that a call that was given up stands in the log as cancelled.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub fn cancelled(&mut self, uri: &Uri, cancelled: bool) -> io::Result<()> {
        self.check("a call that was given up", cancelled);
        let url = format!("url.full={uri} ");
        self.check(
            "the record of a cancelled call",
            self.log.has(&["martello::call", &url, "outcome=cancelled "]),
        );
        self.print(format_args!("{uri}: given up"))
    }

    /// The verdict.
    ///
    /// # Errors
    ///
    /// When something is missing.
    pub fn finish(self) -> Result<(), BoxError> {
        match &self.missing[..] {
            [] => self
                .print("a retry, each Trackingid and the cancelled call are where they should be")
                .map_err(Into::into),
            missing => Err(format!("missing: {}", missing.join(", ")).into()),
        }
    }
}
