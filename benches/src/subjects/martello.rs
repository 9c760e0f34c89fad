//! Ours: each layer alone, the four by hand, and the stack.

use std::{marker::PhantomData, time::Duration};

use http::{Response, Uri};
use martello::{
    Body, Budget, ConcurrencyLimitLayer, LogLayer, RetryLayer, Stack, StackLayer, TrackingId, TrackingLayer,
    log::LogBuilder,
    retry::{AttemptView, Decision, RetryBuilder},
};
use tower::ServiceBuilder;
use tracing::Level;

use super::{Made, Subject, drive, waiting::Waiting};
use crate::{Error, case::Case, place::Client};

pub(super) fn subject<C: Client<Body>>(name: &str, case: Case, client: C, uri: Uri) -> Made {
    let new = ServiceBuilder::new;
    if case == Case::Wait {
        let service = new().layer(ConcurrencyLimitLayer::builder().permits(1).build()?).service(client);
        let waiting =
            (name == "martello_limit").then(|| Waiting::<_, Body> { service, uri, body: PhantomData });
        return Ok(waiting.map(|waiting| Box::new(waiting) as Box<dyn Subject>));
    }
    if matches!(name, "martello_limit" | "martello_tracking" | "martello_log") && case.is_retried() {
        return Ok(None);
    }
    let retry = retry(case, RetryLayer::builder())?.build()?;
    let log = log(case, LogLayer::builder());
    let (calls, attempts) = (log.clone().build_calls()?, log.build_attempts()?);
    let (limit, tracking) = (ConcurrencyLimitLayer::default(), TrackingLayer::default());
    let tells: drive::Tells = if case.has_id() { tells_id } else { |_| true };
    Ok(Some(match name {
        "martello_limit" => drive::asking::<Body, _>(new().layer(limit).service(client), uri).boxed(),
        "martello_retry" => drive::asking::<Body, _>(new().layer(retry).service(client), uri).boxed(),
        "martello_tracking" => {
            drive::asking::<Body, _>(new().layer(tracking).service(client), uri).telling(tells).boxed()
        }
        "martello_log" => {
            drive::asking::<Body, _>(new().layer(calls).layer(attempts).service(client), uri).boxed()
        }
        "martello_four" => {
            let four = new().layer(calls).layer(retry).layer(limit).layer(attempts).layer(tracking);
            drive::asking::<Body, _>(four.service(client), uri).telling(tells).boxed()
        }
        "martello_stack" => {
            let stack = stack(case, Stack::new())?;
            drive::asking::<Body, _>(new().layer(stack).service(client), uri).telling(tells).boxed()
        }
        #[cfg(feature = "peers")]
        "martello_stack_request_id" => {
            let stack = stack(case, Stack::new().caller_id_with("x-request-id", request_id::of))?;
            let service = new().layer(request_id::layer()).layer(stack).service(client);
            drive::asking::<Body, _>(service, uri).telling(tells).boxed()
        }
        // What is left needs tower-http.
        _ => return Ok(None),
    }))
}

fn tells_id(response: &Response<()>) -> bool {
    TrackingId::of(response).is_some()
}

fn stack(case: Case, stack: Stack) -> Result<StackLayer, Error> {
    let budget = budget(case)?;
    let stack =
        stack.retry(|builder| at_once(case, builder.budget(budget))).log(|builder| log(case, builder));
    Ok(stack.build()?)
}

fn retry(case: Case, builder: RetryBuilder) -> Result<RetryBuilder, Error> {
    Ok(at_once(case, builder.budget(budget(case)?)))
}

/// What is to be retried again and again needs an account that pays for it.
fn budget(case: Case) -> Result<Budget, Error> {
    Ok(if case.is_retried() { Budget::new(10.0, 100, 100)? } else { Budget::default() })
}

/// Decides as the layer would, but waits as long as the case says.
fn at_once(case: Case, builder: RetryBuilder) -> RetryBuilder {
    let (builder, wait) = (builder.seed(1), case.wait());
    if !case.is_retried() {
        return builder;
    }
    if wait > Duration::ZERO {
        return builder.backoff(wait, wait).jitter(0.0);
    }
    builder.decide(|attempt: &AttemptView<'_>| match attempt.default_decision() {
        Decision::Retry { .. } => Decision::Retry { after: Duration::ZERO },
        stop => stop,
    })
}

fn log(case: Case, builder: LogBuilder) -> LogBuilder {
    if case.logs_parts() { builder.healthy(Level::INFO) } else { builder }
}

/// An id that the caller makes, as the stacks by hand have one too.
#[cfg(feature = "peers")]
mod request_id {
    use http::Extensions;
    use martello::CallerId;
    use tower_http::request_id::{MakeRequestUuid, RequestId, SetRequestIdLayer};

    pub(super) fn layer() -> SetRequestIdLayer<MakeRequestUuid> {
        SetRequestIdLayer::x_request_id(MakeRequestUuid)
    }

    pub(super) fn of(extensions: &Extensions) -> Option<CallerId> {
        CallerId::from_header(extensions.get::<RequestId>()?.header_value()).ok()
    }
}
