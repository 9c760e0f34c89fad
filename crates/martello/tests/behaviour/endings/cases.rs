//! The ways in which an attempt can end.

use std::{
    fmt,
    future::{Future, pending},
    io,
    pin::Pin,
    time::Duration,
};

use http::Response;
use http_body::SizeHint;
use martello::{ConcurrencyLimitLayer, Stack, outcome::BoxError, retry::RetryBuilder};
use martello_testkit::ScriptedBody;

/// How the client responds to each request.
#[derive(Clone, Copy)]
pub(super) enum Client {
    Answers(u16, fn() -> ScriptedBody),
    Fails(io::ErrorKind),
    Never,
}

type Answer = Result<Response<ScriptedBody>, BoxError>;

impl Client {
    pub(super) const STALLS: Self = Self::Answers(200, stalls);

    pub(super) fn answer(self) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        Box::pin(async move {
            match self {
                Self::Answers(status, body) => Ok(Response::builder().status(status).body(body())?),
                Self::Fails(kind) => Err(io::Error::from(kind).into()),
                Self::Never => pending().await,
            }
        })
    }
}

/// What the caller does with the call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Reads,
    DropsTheCall,
    DropsTheBody,
    /// Reads, while another call holds the only permit.
    FindsNoPermit,
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) client: Client,
    pub(super) stack: fn(Stack) -> Stack,
    pub(super) caller: Caller,
    pub(super) expected: Vec<ExpectedEvent>,
}

/// The expected fields of an attempt's event: outcome, error type, end of the body, and a part of the error's
/// text.
pub(super) type ExpectedEvent = [&'static str; 4];

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const SUCCESS: ExpectedEvent = ["success", "", "complete", ""];
const UNREAD: ExpectedEvent = ["success", "", "dropped", ""];
const CANCELLED: ExpectedEvent = ["cancelled", "cancelled", "", ""];
const TIMED_OUT: ExpectedEvent =
    ["ambiguous", "attempt_timeout", "", "no response came within the attempt timeout"];
const TOO_LATE: ExpectedEvent = ["ambiguous", "deadline", "", "the call's deadline has passed"];
const IDLE: ExpectedEvent =
    ["ambiguous", "body", "broken", "no frame of the body came within its idle timeout"];
const DEAD: ExpectedEvent = ["ambiguous", "body", "broken", "the line went dead"];
const SHORT: ExpectedEvent = ["ambiguous", "body", "broken", "ended before its declared length"];
const TOO_LARGE: ExpectedEvent = ["success", "body", "broken", "larger than"];

fn empty() -> ScriptedBody {
    ScriptedBody::new()
}

fn good() -> ScriptedBody {
    ScriptedBody::new().data("some").data("more")
}

fn stalls() -> ScriptedBody {
    ScriptedBody::new().data("some").wait().data("more")
}

fn breaks() -> ScriptedBody {
    ScriptedBody::new().data("some").error("the line went dead")
}

fn falls_short() -> ScriptedBody {
    ScriptedBody::new().data("some").claim_end_stream(false).claim_size(SizeHint::with_exact(8))
}

fn undeclared(body: ScriptedBody) -> ScriptedBody {
    body.claim_size(SizeHint::default())
}

fn retry(stack: Stack, configure: fn(RetryBuilder) -> RetryBuilder) -> Stack {
    stack.retry(|retry| configure(retry.attempts(2).jitter(0.0).deadline(Duration::from_secs(100))))
}

/// Two attempts. The caller reads the bodies as they arrive.
fn live(stack: Stack) -> Stack {
    retry(stack, |retry| retry)
}

/// The same, with a deadline of one second.
fn hasty(stack: Stack) -> Stack {
    retry(stack, |retry| retry.deadline(Duration::from_secs(1)))
}

/// Two attempts. The retry layer reads whole bodies of at most seven bytes.
fn whole(stack: Stack) -> Stack {
    retry(stack, |retry| retry.whole_responses(7))
}

fn hasty_whole(stack: Stack) -> Stack {
    retry(stack, |retry| retry.whole_responses(7).deadline(Duration::from_secs(1)))
}

pub(super) fn all() -> impl Iterator<Item = Case> {
    heads().into_iter().chain(cut_off()).chain(live_bodies()).chain(whole_bodies())
}

fn case(name: &'static str, client: Client, stack: fn(Stack) -> Stack, expected: &[ExpectedEvent]) -> Case {
    Case { name, client, stack, caller: Caller::Reads, expected: expected.to_vec() }
}

fn heads() -> [Case; 9] {
    use Client::{Answers, Fails, Never};
    let unavailable = |end| ["unavailable", "503", end, ""];
    let unsent = ["unsent", "transport", "", "could not be sent"];
    let ambiguous = ["ambiguous", "transport", "", "failed on its way"];
    [
        case("200", Answers(200, good), live, &[SUCCESS]),
        case("204", Answers(204, empty), live, &[["success", "", "", ""]]),
        case("503", Answers(503, good), live, &[unavailable("drained"), unavailable("complete")]),
        case("404", Answers(404, good), live, &[["rejected", "404", "complete", ""]]),
        case("500", Answers(500, good), live, &[["faulty", "500", "complete", ""]]),
        case("refused", Fails(io::ErrorKind::ConnectionRefused), live, &[unsent; 2]),
        case("reset", Fails(io::ErrorKind::ConnectionReset), live, &[ambiguous; 2]),
        case("attempt timeout", Never, live, &[TIMED_OUT; 2]),
        case("deadline on the wire", Never, hasty, &[TOO_LATE]),
    ]
}

fn cut_off() -> [Case; 7] {
    let full = |stack: Stack| {
        let limit = ConcurrencyLimitLayer::builder().permits(1).max_waiting(0);
        live(stack.limit(limit.build().unwrap()))
    };
    let by = |caller, name, client, stack, expected: &[ExpectedEvent]| Case {
        caller,
        ..case(name, client, stack, expected)
    };
    let (never, stalled) = (Client::Never, Client::Answers(200, || undeclared(stalls())));
    [
        by(Caller::FindsNoPermit, "deadline in the queue", never, hasty, &[]),
        by(Caller::FindsNoPermit, "no permit in time", never, live, &[]),
        by(Caller::FindsNoPermit, "no place in the queue", never, full, &[]),
        by(Caller::DropsTheCall, "dropped before the head", never, live, &[CANCELLED]),
        by(Caller::DropsTheCall, "dropped, the only one", never, Stack::without_retry, &[CANCELLED]),
        by(Caller::DropsTheCall, "dropped amid a whole body", stalled, whole, &[UNREAD]),
        by(Caller::DropsTheBody, "body dropped", Client::STALLS, live, &[UNREAD]),
    ]
}

fn live_bodies() -> [Case; 3] {
    use Client::Answers;
    [
        case("idle", Answers(200, stalls), live, &[IDLE]),
        case("broken", Answers(200, breaks), live, &[DEAD]),
        case("short", Answers(200, falls_short), live, &[SHORT]),
    ]
}

fn whole_bodies() -> [Case; 10] {
    use Client::Answers;
    let rejected = |[.., text]: ExpectedEvent| ["rejected", "404", "broken", text];
    let too_late = ["ambiguous", "deadline", "broken", TOO_LATE[3]];
    let eight = |stack: Stack| retry(stack, |retry| retry.whole_responses(8));
    [
        case("whole, idle", Answers(200, || undeclared(stalls())), whole, &[IDLE; 2]),
        case("whole, broken", Answers(200, breaks), whole, &[DEAD; 2]),
        case("whole, short", Answers(200, falls_short), eight, &[SHORT; 2]),
        case("whole, too large", Answers(200, || undeclared(good().data("rest"))), whole, &[TOO_LARGE]),
        // The body ends before the limit is noticed.
        case("whole, too large at its end", Answers(200, || undeclared(good())), whole, &[SUCCESS]),
        case("whole, declared too large", Answers(200, good), whole, &[TOO_LARGE]),
        case("whole, deadline", Answers(200, || undeclared(stalls())), hasty_whole, &[too_late]),
        case("whole 404, too large", Answers(404, good), whole, &[rejected(TOO_LARGE)]),
        case("whole 404, idle", Answers(404, || undeclared(stalls())), whole, &[rejected(IDLE)]),
        case(
            "whole 404, deadline",
            Answers(404, || undeclared(stalls())),
            hasty_whole,
            &[rejected(TOO_LATE)],
        ),
    ]
}
