//! What the operation of a server does to a store. These tests need a PostgreSQL (`MARTELLO_TEST_POSTGRES_URL`), so they
//! are ignored unless asked for with `--ignored`, as `.ci/run` does; then a server that is missing is a failure.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../behaviour/support.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod support;

mod addresses;
mod ages;
mod grants;
mod proxy;
mod read_only;
mod silence;
