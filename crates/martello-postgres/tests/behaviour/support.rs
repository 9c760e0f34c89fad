//! Where the tests run, and what they store and ask for.

use std::{
    env,
    io::{self, Write},
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// The server's URL; `None` where there is none, which is said, and is a failure where it must be there.
pub(crate) fn url() -> Option<String> {
    let url = env::var("MARTELLO_TEST_POSTGRES_URL").ok();
    if url.is_none() {
        let required = env::var("MARTELLO_TEST_POSTGRES_REQUIRED").is_ok_and(|required| required == "1");
        assert!(
            !required,
            "MARTELLO_TEST_POSTGRES_URL is not set, but the tests against PostgreSQL are required"
        );
        say("SKIPPED: MARTELLO_TEST_POSTGRES_URL is not set, so nothing was tested against PostgreSQL");
    }
    url
}

/// Once, and not by a macro, whose output a test that passes keeps to itself.
fn say(what: &str) {
    static SAID: Once = Once::new();
    SAID.call_once(|| drop(writeln!(io::stderr(), "\n{what}")));
}

/// The name of a schema that nobody else has, now or before.
pub(crate) fn fresh_schema() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("martello_test_{}_{now}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}
