//! Ours: each layer alone, the four by hand, and the stack.

use std::time::Duration;

use http::Uri;
use martello::{
    Body, Budget, ConcurrencyLimitLayer, LogLayer, RetryLayer, Stack, TrackingLayer,
    log::LogBuilder,
    retry::{AttemptView, Decision, RetryBuilder},
};
use tower::ServiceBuilder;
use tracing::Level;

use super::{Subject, typed};
use crate::{
    case::Case,
    fixture::{Error, Server},
};

type Made = Result<Option<Box<dyn Subject>>, Error>;

pub(super) fn subject(name: &str, case: Case, server: Server, uri: Uri) -> Made {
    let alone = matches!(name, "martello_limit" | "martello_tracking" | "martello_log");
    if alone && case == Case::Retry {
        return Ok(None);
    }
    let retry = retry(case, RetryLayer::builder())?.build()?;
    let log = log(case, LogLayer::builder());
    let (calls, attempts) = (log.clone().build_calls()?, log.build_attempts()?);
    let (limit, tracking) = (ConcurrencyLimitLayer::default(), TrackingLayer::default());
    let new = ServiceBuilder::new;
    Ok(Some(match name {
        "martello_limit" => typed::<Body, _>(new().layer(limit).service(server), uri),
        "martello_retry" => typed::<Body, _>(new().layer(retry).service(server), uri),
        "martello_tracking" => typed::<Body, _>(new().layer(tracking).service(server), uri),
        "martello_log" => typed::<Body, _>(new().layer(calls).layer(attempts).service(server), uri),
        "martello_four" => {
            let four = new().layer(calls).layer(retry).layer(limit).layer(attempts).layer(tracking);
            typed::<Body, _>(four.service(server), uri)
        }
        "martello_stack" => typed::<Body, _>(new().layer(stack(case)?).service(server), uri),
        _ => return Err(format!("no subject is called {name}").into()),
    }))
}

fn stack(case: Case) -> Result<martello::StackLayer, Error> {
    let budget = budget(case)?;
    let stack = Stack::new()
        .retry(|builder| at_once(case, builder.seed(1), budget))
        .log(|builder| log(case, builder))
        .build()?;
    Ok(stack)
}

fn retry(case: Case, builder: RetryBuilder) -> Result<RetryBuilder, Error> {
    Ok(at_once(case, builder.seed(1), budget(case)?))
}

/// What is to be retried again and again needs an account that pays for it.
fn budget(case: Case) -> Result<Budget, Error> {
    Ok(match case {
        Case::Retry => Budget::new(10.0, 100, 100)?,
        _ => Budget::default(),
    })
}

/// Decides as the layer would, but does not wait.
fn at_once(case: Case, builder: RetryBuilder, budget: Budget) -> RetryBuilder {
    let builder = builder.budget(budget);
    if case != Case::Retry {
        return builder;
    }
    builder.decide(|attempt: &AttemptView<'_>| match attempt.default_decision() {
        Decision::Retry { .. } => Decision::Retry { after: Duration::ZERO },
        stop => stop,
    })
}

fn log(case: Case, builder: LogBuilder) -> LogBuilder {
    if case.logs_attempts() { builder.healthy(Level::INFO) } else { builder }
}
