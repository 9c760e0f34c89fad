//! One file per behaviour. Most tests need the server of `MARTELLO_TEST_POSTGRES_URL`. They run only with
//! `--ignored` or `--include-ignored`.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod certificates;
mod checkpoint;
mod conformance;
mod connecting;
mod creating;
mod external_transactions;
mod forgetting;
mod holding;
mod isolation;
mod losses;
mod older;
mod overtaking;
mod publishing;
mod rekeying;
mod sharing;
mod support;
mod upgrading;
mod upgrading_waits;
