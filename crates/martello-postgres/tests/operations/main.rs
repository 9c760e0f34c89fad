//! Operational events of a server and their effect on a store. These tests need a PostgreSQL
//! (`MARTELLO_TEST_POSTGRES_URL`), and some a PgBouncer before it that pools sessions and one that pools
//! transactions (`MARTELLO_TEST_PGBOUNCER_SESSION_URL` and `…_TRANSACTION_URL`), so they are ignored unless
//! asked for with `--ignored`, as `.ci/run` does; then a server that is missing is a failure.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../behaviour/support.rs"]
mod support;

mod addresses;
mod ages;
mod grants;
mod pgbouncer;
mod proxy;
mod read_only;
mod settings;
mod silence;
