//! Our layers: each alone, and the four combined by hand.

use std::{marker::PhantomData, time::Duration};

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use martello::{
    Budget, ConcurrencyLimitLayer, LogLayer, RetryLayer, TrackingId, TrackingLayer,
    log::LogBuilder,
    retry::{AttemptView, Decision, RetryBuilder},
};
use tower::ServiceBuilder;
use tracing::Level;

use super::{Made, Subject, drive, waiting::Waiting};
use crate::{Error, case::Case, place::Client};

pub(super) fn subject<C: Client<Full<Bytes>>>(name: &str, case: Case, client: C, uri: Uri) -> Made {
    let new = ServiceBuilder::new;
    if case == Case::Wait {
        let service = new().layer(ConcurrencyLimitLayer::builder().permits(1).build()?).service(client);
        let waiting =
            (name == "martello_limit").then(|| Waiting::<_, Full<Bytes>> { service, uri, body: PhantomData });
        return Ok(waiting.map(|waiting| Box::new(waiting) as Box<dyn Subject>));
    }
    if matches!(name, "martello_limit" | "martello_tracking" | "martello_log") && case.is_retried() {
        return Ok(None);
    }
    let retry = retry(case, RetryLayer::builder())?.build()?;
    let log = log(case, LogLayer::builder());
    let (calls, attempts) = (log.clone().build_calls()?, log.build_attempts()?);
    let (limit, tracking) = (ConcurrencyLimitLayer::default(), TrackingLayer::default());
    let tells = tells(case);
    Ok(Some(match name {
        "martello_limit" => drive::asking::<Full<Bytes>, _>(new().layer(limit).service(client), uri).boxed(),
        "martello_retry" => drive::asking::<Full<Bytes>, _>(new().layer(retry).service(client), uri).boxed(),
        "martello_tracking" => {
            drive::asking::<Full<Bytes>, _>(new().layer(tracking).service(client), uri).telling(tells).boxed()
        }
        "martello_log" => {
            drive::asking::<Full<Bytes>, _>(new().layer(calls).layer(attempts).service(client), uri).boxed()
        }
        "martello_four" => {
            let four = new().layer(calls).layer(retry).layer(limit).layer(attempts).layer(tracking);
            drive::asking::<Full<Bytes>, _>(four.service(client), uri).telling(tells).boxed()
        }
        _ => return Err(format!("{name} is no layer").into()),
    }))
}

/// The tracking id, if a tracking layer read one.
pub(super) fn tells(case: Case) -> drive::Tells {
    if case.has_id() { |response| TrackingId::of(response).is_some() } else { |_| true }
}

fn retry(case: Case, builder: RetryBuilder) -> Result<RetryBuilder, Error> {
    Ok(at_once(case, builder.budget(budget(case)?)))
}

/// A retry budget that never runs out.
pub(super) fn budget(case: Case) -> Result<Budget, Error> {
    Ok(if case.is_retried() { Budget::new(10.0, 100, 100)? } else { Budget::default() })
}

/// Decides like the default policy, but waits as long as the case requires.
pub(super) fn at_once(case: Case, builder: RetryBuilder) -> RetryBuilder {
    let (builder, wait) = (builder.seed(1), case.wait());
    if !case.is_retried() {
        return builder;
    }
    if wait > Duration::ZERO {
        return builder.backoff(wait, wait).jitter(0.0);
    }
    builder.decide(|attempt: &AttemptView<'_>| match attempt.default_decision() {
        Decision::Retry { .. } => Decision::Retry { wait: Duration::ZERO },
        stop => stop,
    })
}

pub(super) fn log(case: Case, builder: LogBuilder) -> LogBuilder {
    if case.logs_parts() { builder.success_level(Level::INFO) } else { builder }
}
