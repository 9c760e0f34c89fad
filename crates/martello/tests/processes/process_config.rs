//! The configuration of a child process, passed in its environment.

use std::{env, fmt::Display, str::FromStr, time::Duration};

use crate::test_store::TestStore;

const VARIABLE: &str = "MARTELLO_TEST_PROCESS";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Enqueues requests, and makes calls through an `OutboxLayer`.
    Enqueuer,
    /// Runs a worker.
    Worker,
    /// Runs a worker, and stops itself between the first response and its settlement.
    Sleeper,
    /// Replays dead letters.
    Replayer,
    /// Opens the store, and waits.
    Opener,
    /// Runs a poller.
    Poller,
}

impl Role {
    const ALL: [Self; 6] =
        [Self::Enqueuer, Self::Worker, Self::Sleeper, Self::Replayer, Self::Opener, Self::Poller];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Enqueuer => "enqueuer",
            Self::Worker => "worker",
            Self::Sleeper => "sleeper",
            Self::Replayer => "replayer",
            Self::Opener => "opener",
            Self::Poller => "poller",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ProcessConfig {
    pub(crate) role: Role,
    /// Unique among the processes of a test.
    pub(crate) name: String,
    pub(crate) test_store: TestStore,
    /// The address of the API.
    pub(crate) api: String,
    /// The most requests in flight over all processes.
    pub(crate) concurrency: usize,
    pub(crate) lease: Duration,
    pub(crate) seed: u64,
}

impl ProcessConfig {
    /// The environment variable that configures a child process.
    pub(crate) fn to_env(&self) -> (&'static str, String) {
        let fields: [&dyn Display; 7] = [
            &self.role.as_str(),
            &self.name,
            &self.test_store,
            &self.api,
            &self.concurrency,
            &self.lease.as_millis(),
            &self.seed,
        ];
        (VARIABLE, fields.map(ToString::to_string).join("\n"))
    }

    /// The configuration of this process, or `None` if it is the test itself.
    pub(crate) fn from_env() -> Option<Self> {
        let text = env::var(VARIABLE).ok()?;
        let mut fields = text.lines();
        let role: String = next(&mut fields);
        Some(Self {
            role: Role::ALL.into_iter().find(|known| known.as_str() == role).expect("the role is known"),
            name: next(&mut fields),
            test_store: next(&mut fields),
            api: next(&mut fields),
            concurrency: next(&mut fields),
            lease: Duration::from_millis(next(&mut fields)),
            seed: next(&mut fields),
        })
    }
}

fn next<'a, T: FromStr<Err: std::fmt::Debug>>(fields: &mut impl Iterator<Item = &'a str>) -> T {
    fields.next().expect("the configuration has a line for each field").parse().unwrap()
}
