#![doc = include_str!("../README.md")]

#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "stack")]
mod stack;

#[cfg(feature = "reqwest")]
pub use self::reqwest::{ReqwestFuture, ReqwestService};
pub use martello_body as body;
#[doc(inline)]
pub use martello_body::{Body, TryCopy};
#[cfg(feature = "limit")]
pub use martello_limit as limit;
#[cfg(feature = "limit")]
#[doc(inline)]
pub use martello_limit::ConcurrencyLimitLayer;
#[cfg(feature = "log")]
pub use martello_log as log;
#[cfg(feature = "log")]
#[doc(inline)]
pub use martello_log::LogLayer;
#[cfg(feature = "outbox")]
pub use martello_outbox as outbox;
#[cfg(feature = "outbox")]
#[doc(inline)]
pub use martello_outbox::{Outbox, OutboxLayer, Sent, Ticket};
pub use martello_outcome as outcome;
#[doc(inline)]
pub use martello_outcome::{
    Attempt, Attempts, CallError, CallOptions, CallerId, ConfigError, ErrorKind, Outcome, TrackingId,
};
#[cfg(feature = "paginate")]
pub use martello_paginate as paginate;
#[cfg(feature = "paginate")]
#[doc(inline)]
pub use martello_paginate::Paginate;
#[cfg(feature = "poll")]
pub use martello_poll as poll;
#[cfg(feature = "poll")]
#[doc(inline)]
pub use martello_poll::Poller;
#[cfg(feature = "postgres")]
pub use martello_postgres as postgres;
#[cfg(feature = "retry")]
pub use martello_retry as retry;
#[cfg(feature = "retry")]
#[doc(inline)]
pub use martello_retry::{Budget, RetryLayer};
#[cfg(feature = "sqlite")]
pub use martello_sqlite as sqlite;
#[cfg(feature = "tracking")]
pub use martello_tracking as tracking;
#[cfg(feature = "tracking")]
#[doc(inline)]
pub use martello_tracking::{PropagateTrackingIdLayer, TrackingIds, TrackingLayer};
#[cfg(feature = "upsert")]
pub use martello_upsert as upsert;
#[cfg(feature = "upsert")]
#[doc(inline)]
pub use martello_upsert::UpsertAll;
#[cfg(feature = "stack")]
pub use stack::{ResponseBody, Stack, StackFuture, StackLayer, Stacked};

/// Compiles and runs the examples of the repository's README.
#[cfg(all(doctest, feature = "poll", feature = "sqlite", feature = "stack", feature = "upsert"))]
#[doc = include_str!("../../../README.md")]
struct RepositoryReadme;
