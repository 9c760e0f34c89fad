//! A role with only the grants of the README can use a store.

use martello_outbox::{Store, store::Clock};
use martello_outbox_conformance::{BoxError, Engine, Scenario};
use martello_poll::{Acquired, CheckpointStore};
use martello_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Executor};

use crate::support::{TestSchema, fresh_schema, keyed};

/// A schema that another role uses, in a database without the default EXECUTE privilege on functions.
struct Granted {
    test: TestSchema,
    owner: String,
    user: String,
}

/// The statements in the README.
fn documented() -> &'static str {
    let readme = include_str!("../../README.md");
    let start = readme.find("GRANT USAGE").unwrap();
    let grants = &readme[start..];
    &grants[..grants.find("```").unwrap()]
}

fn url_of(test: &TestSchema, role: &str) -> String {
    let mut url = url::Url::parse(&test.url).unwrap();
    url.set_username(role).unwrap();
    url.into()
}

impl Granted {
    async fn make() -> Self {
        let test = TestSchema::fresh();
        let (owner, user) = (format!("{}_owner", test.schema), format!("{}_user", test.schema));
        test.run(&format!(
            "CREATE ROLE {owner} LOGIN; CREATE ROLE {user} LOGIN; CREATE SCHEMA __ AUTHORIZATION {owner};
                 ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"
        ))
        .await;
        let made = PostgresStore::builder().url(&url_of(&test, &owner)).schema(&test.schema).connect().await;
        made.unwrap().close().await;
        let grants = documented().replace("martello", &test.schema).replace("service", &user);
        test.connection().await.execute(sqlx::raw_sql(AssertSqlSafe(grants))).await.unwrap();
        Self { test, owner, user }
    }

    async fn store(&self, clock: Clock) -> PostgresStore {
        let store = PostgresStore::builder().url(&url_of(&self.test, &self.user)).schema(&self.test.schema);
        store.clock(clock).create(false).max_connections(4).connect().await.unwrap()
    }

    async fn clear(self) {
        let Self { test, owner, user } = self;
        test.run(&format!("DROP OWNED BY {owner}, {user} CASCADE; DROP ROLE {owner}, {user}")).await;
    }
}

impl Engine for Granted {
    type Store = PostgresStore;

    async fn fresh() -> Result<Option<Self>, BoxError> {
        Ok(Some(Self::make().await))
    }

    async fn open(&self, clock: Clock) -> Result<PostgresStore, BoxError> {
        Ok(self.store(clock).await)
    }

    async fn remove(self) {
        self.clear().await;
    }
}

/// One scenario for each function that a store calls.
const SCENARIOS: &[&str] = &[
    "superseding_cancels_what_is_ready_of_the_key",
    "expired_entries_become_dead_letters",
    "a_lost_entry_is_ready_at_once",
    "a_heartbeat_prolongs_what_is_held",
    "a_settlement_ends_an_entry_and_writes_its_attempt_down",
    "a_probe_that_fails_holds_again",
    "a_call_overtakes_all_dead_letters_of_its_key",
    "a_paused_queue_claims_nothing_until_it_is_resumed",
    "a_list_shows_entries_as_they_are",
    "an_edit_makes_a_revision_beside_the_old_ones",
    "cancelling_a_replay_returns_what_was_not_claimed",
    "a_purge_deletes_dead_letters_that_pass",
    "a_prune_deletes_what_has_long_been_over",
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn the_grants_of_the_readme_suffice_without_public_execute() {
    let wanted: Vec<_> = Scenario::ALL.iter().filter(|it| SCENARIOS.contains(&it.name())).collect();
    assert_eq!(wanted.len(), SCENARIOS.len());
    for scenario in wanted {
        scenario.play::<Granted>().await.unwrap();
    }

    let granted = Granted::make().await;
    let store = granted.store(Clock::Engine).await;
    let mut connection = granted.test.connection().await;
    connection.execute(AssertSqlSafe(format!("SET ROLE {}", granted.user))).await.unwrap();
    store.enqueue_in(&mut connection, keyed("k")).await.unwrap();
    assert_eq!(crate::support::claimed(&store, 1).await.len(), 1);
    let unwell: Vec<_> = store.check_health().await.unwrap().into_iter().filter(|it| !it.passed).collect();
    assert!(unwell.iter().all(|finding| finding.what == "durability"), "{unwell:?}");
    let checkpoint = store.checkpoint(&fresh_schema()).unwrap();
    let lease = std::time::Duration::from_secs(60);
    let Acquired::Held(held) = checkpoint.acquire(lease).await.unwrap() else {
        unreachable!("the checkpoint is free")
    };
    assert!(checkpoint.renew(held.fence, lease).await.unwrap());
    checkpoint.release(held.fence).await.unwrap();
    drop((store, checkpoint));
    granted.clear().await;
}
