use crate::Error;

/// Requests in flight by default, over all workers.
pub(super) const FIVE: usize = 5;

/// The engine that stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Requests stored per second, with this many in each call. A call returns when they are on the disk.
    Enqueue { batch: usize },
    /// Requests delivered per second to a handler that does nothing, with this many claimed and in flight.
    Drain { in_flight: usize },
    /// The time to claim one request, with this many more in the store.
    Claim { stored: usize },
    /// The time from the call that stores a request until it reaches the handler of an idle worker.
    Pickup,
}

/// A measure of one engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub name: &'static str,
    pub engine: Engine,
    pub what: What,
}

impl Case {
    pub const ALL: &[Self] = &[
        Self::of("sqlite_enqueue_1", Engine::Sqlite, What::Enqueue { batch: 1 }),
        Self::of("sqlite_enqueue_5", Engine::Sqlite, What::Enqueue { batch: 5 }),
        Self::of("sqlite_enqueue_64", Engine::Sqlite, What::Enqueue { batch: 64 }),
        Self::of("sqlite_drain", Engine::Sqlite, What::Drain { in_flight: FIVE }),
        Self::of("sqlite_drain_100", Engine::Sqlite, What::Drain { in_flight: 100 }),
        Self::of("sqlite_claim_0", Engine::Sqlite, What::Claim { stored: 0 }),
        Self::of("sqlite_claim_100000", Engine::Sqlite, What::Claim { stored: 100_000 }),
        Self::of("sqlite_claim_1000000", Engine::Sqlite, What::Claim { stored: 1_000_000 }),
        Self::of("sqlite_pickup", Engine::Sqlite, What::Pickup),
        Self::of("postgres_enqueue_1", Engine::Postgres, What::Enqueue { batch: 1 }),
        Self::of("postgres_enqueue_5", Engine::Postgres, What::Enqueue { batch: 5 }),
        Self::of("postgres_enqueue_64", Engine::Postgres, What::Enqueue { batch: 64 }),
        Self::of("postgres_drain", Engine::Postgres, What::Drain { in_flight: FIVE }),
        Self::of("postgres_drain_100", Engine::Postgres, What::Drain { in_flight: 100 }),
        Self::of("postgres_claim_0", Engine::Postgres, What::Claim { stored: 0 }),
        Self::of("postgres_claim_100000", Engine::Postgres, What::Claim { stored: 100_000 }),
        Self::of("postgres_claim_1000000", Engine::Postgres, What::Claim { stored: 1_000_000 }),
        Self::of("postgres_pickup", Engine::Postgres, What::Pickup),
    ];

    const fn of(name: &'static str, engine: Engine, what: What) -> Self {
        Self { name, engine, what }
    }

    /// The cases whose names start with this.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub fn named(name: &str) -> Result<Vec<Self>, Error> {
        let found: Vec<_> = Self::ALL.iter().filter(|case| case.name.starts_with(name)).copied().collect();
        if found.is_empty() { Err(format!("no case is called {name}").into()) } else { Ok(found) }
    }
}
