//! A file per behaviour. Most tests need the server that `MARTELLO_TEST_POSTGRES_URL` names, and are ignored unless they are
//! asked for with `--ignored` or `--include-ignored`.
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
