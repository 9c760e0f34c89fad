//! What a process is to do, handed to it in its environment.

use std::{env, fmt::Display, str::FromStr, time::Duration};

use crate::test_store::TestStore;

const VARIABLE: &str = "MARTELLO_TEST_PART";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Stores requests, and calls through the door.
    Enqueuer,
    /// Delivers.
    Worker,
    /// Delivers, and stops itself between the first answer and its settlement.
    Sleeper,
    /// Replays dead letters.
    Replayer,
    /// Opens the store, and stands by.
    Opener,
    /// Polls.
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
    /// No two processes of a test have the same.
    pub(crate) name: String,
    pub(crate) test_store: TestStore,
    /// The address of the API.
    pub(crate) api: String,
    /// How many may be in flight over all processes.
    pub(crate) concurrency: usize,
    pub(crate) lease: Duration,
    pub(crate) seed: u64,
}

impl ProcessConfig {
    /// The variable that makes a process of this binary play this part.
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

    /// The part of this process, if it is not the test itself.
    pub(crate) fn from_env() -> Option<Self> {
        let text = env::var(VARIABLE).ok()?;
        let mut fields = text.lines();
        let role: String = next(&mut fields);
        Some(Self {
            role: Role::ALL.into_iter().find(|known| known.as_str() == role).expect("no role of this name"),
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
    fields.next().expect("a part has a line for each of its fields").parse().unwrap()
}
