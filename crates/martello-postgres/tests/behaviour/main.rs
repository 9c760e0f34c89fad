//! A file per behaviour. They need a server, whose URL is in `MARTELLO_TEST_POSTGRES_URL`, and are skipped without one.
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
