//! Roles with unusual settings. Commits are durable and read committed, directly and through PgBouncer. The
//! store leaves no setting behind in a shared session.

use std::time::Duration;

use futures_util::future::join_all;
use martello_outbox::{
    Filter, OrderKey, Overtaken, QueueName, Store, WhenOvertaken,
    store::{Lease, Turn},
};
use martello_poll::{Acquired, CheckpointStore};
use martello_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::{
    pgbouncer::{connection, of_sessions, of_transactions},
    support::{TestSchema, claim, done, entry, keyed},
};

/// A schema with its own role, whose sessions default to asynchronous commits and repeatable read.
struct Careless {
    test: TestSchema,
    role: String,
}

const WATCHED: &[&str] = &["entry", "slot", "queue", "checkpoint"];

impl Careless {
    async fn make() -> Self {
        let test = TestSchema::fresh();
        let role = format!("{}_role", test.schema);
        test.run(&format!(
            "CREATE ROLE {role} LOGIN; CREATE SCHEMA __ AUTHORIZATION {role};
                 ALTER ROLE {role} SET synchronous_commit = off;
                 ALTER ROLE {role} SET default_transaction_isolation = 'repeatable read'"
        ))
        .await;
        Self { test, role }
    }

    /// The URL of this server or PgBouncer, with this role.
    fn url(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).unwrap();
        url.set_username(&self.role).unwrap();
        url.into()
    }

    fn direct(&self) -> String {
        self.url(&self.test.url)
    }

    async fn open(&self, url: &str) -> PostgresStore {
        PostgresStore::builder().url(url).schema(&self.test.schema).connect().await.unwrap()
    }

    /// Installs a trigger that records the settings of every transaction at its end.
    async fn watch(&self) {
        let role = &self.role;
        self.test
            .run(&format!(
                "CREATE TABLE __.seen (durable text, isolation text);
                 GRANT ALL ON __.seen TO {role};
                 CREATE FUNCTION __.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                     INSERT INTO __.seen
                     VALUES (current_setting('synchronous_commit'), current_setting('transaction_isolation'));
                     RETURN NULL;
                 END $$"
            ))
            .await;
        for table in WATCHED {
            let sql = format!(
                "CREATE CONSTRAINT TRIGGER see AFTER INSERT OR UPDATE ON __.{table} DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION __.see()"
            );
            self.test.run(&sql).await;
        }
    }

    async fn seen(&self) -> Vec<(String, String, i64)> {
        let sql = format!("SELECT durable, isolation, count(*) FROM {}.seen GROUP BY 1, 2", self.test.schema);
        sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut self.test.connection().await).await.unwrap()
    }

    async fn clear(self) {
        let Self { test, role } = self;
        test.run(&format!("DROP SCHEMA __ CASCADE; DROP OWNED BY {role}; DROP ROLE {role}")).await;
    }
}

/// Runs every operation that writes.
async fn work(store: &PostgresStore) {
    let stored = join_all((0..200).map(async |nth: u32| {
        tokio::time::sleep(Duration::from_millis(u64::from(nth))).await;
        store
            .enqueue(vec![if nth.is_multiple_of(2) { entry() } else { keyed(&format!("{}", nth % 7)) }])
            .await
    }));
    for stored in stored.await {
        stored.unwrap();
    }
    for _ in 0..20 {
        let claimed = store.turn(claim(5)).await.unwrap().claimed;
        let leases: Vec<Lease> = claimed.iter().map(|claimed| claimed.lease.clone()).collect();
        assert!(
            store.heartbeat(leases, Duration::from_secs(60)).await.unwrap().iter().all(|renewed| *renewed)
        );
        store.turn(Turn { settle: claimed.iter().map(done).collect(), ..claim(0) }).await.unwrap();
    }
    let queue = QueueName::default();
    store.pause(&queue, "why").await.unwrap();
    store.overtake(&queue, &OrderKey::new("0").unwrap(), Overtaken::Possibly).await.unwrap();
    store.resume(&queue).await.unwrap();
    let checkpoint = store.checkpoint("poll").unwrap();
    let lease = Duration::from_secs(60);
    let Acquired::Held(held) = checkpoint.acquire(lease).await.unwrap() else {
        unreachable!("the checkpoint is free")
    };
    assert!(checkpoint.renew(held.fence, lease).await.unwrap());
    checkpoint.release(held.fence).await.unwrap();
    store.prune(Duration::ZERO, 10).await.unwrap();
    let left = store.list(Filter::default(), None, 1).await.unwrap().entries;
    store.change(left.first().unwrap().id, martello_outbox::Change::DeadLetter).await.unwrap();
    let job = store.replay(Filter::default(), 1.0, WhenOvertaken::Overwrite).await.unwrap();
    store.cancel_replay(job.id).await.unwrap();
}

async fn durable_through(url: &str) {
    let careless = Careless::make().await;
    let url = careless.url(url);
    let store = careless.open(&url).await;
    careless.watch().await;
    work(&store).await;
    let seen = careless.seen().await;
    assert!(seen.iter().map(|seen| seen.2).sum::<i64>() > 500, "{seen:?}");
    assert!(
        seen.iter().all(|(durable, isolation, _)| durable == "on" && isolation == "read committed"),
        "{seen:?}"
    );
    let findings = store.check_health().await.unwrap();
    let durability = findings.iter().find(|finding| finding.what == "durability").unwrap();
    assert!(durability.seen.contains("synchronous_commit on"), "{}", durability.seen);

    // Sessions have the settings of the role again. The test checks as many as the store may have used.
    let mut others: Vec<PgConnection> = Vec::new();
    for _ in 0..12 {
        others.push(connection(&url).await);
    }
    for other in &mut others {
        other.execute("BEGIN").await.unwrap();
        let sql =
            "SELECT current_setting('synchronous_commit'), current_setting('default_transaction_isolation')";
        let set: (String, String) =
            sqlx::query_as(sql).persistent(false).fetch_one(&mut *other).await.unwrap();
        assert_eq!(set, ("off".into(), "repeatable read".into()));
        let sql = "SELECT count(*) FROM pg_listening_channels()";
        let listens: i64 = sqlx::query_scalar(sql).persistent(false).fetch_one(&mut *other).await.unwrap();
        assert_eq!(listens, 0);
    }
    drop((others, store));
    careless.clear().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_commit_is_durable_despite_the_settings_of_the_role() {
    durable_through(&crate::support::url()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_PGBOUNCER_SESSION_URL"]
async fn a_commit_is_durable_through_a_pgbouncer_that_pools_sessions() {
    durable_through(&of_sessions()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_PGBOUNCER_TRANSACTION_URL"]
async fn a_commit_is_durable_through_a_pgbouncer_that_pools_transactions() {
    durable_through(&of_transactions()).await;
}

/// The settings of an external transaction belong to its owner.
#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn enqueue_in_changes_no_setting_of_the_external_transaction() {
    let careless = Careless::make().await;
    let store = careless.open(&careless.direct()).await;
    careless.watch().await;
    let mut connection = PgConnection::connect(&careless.direct()).await.unwrap();
    let mut transaction = connection.begin().await.unwrap();
    let settings = "SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'plpgsql.%' ORDER BY name";
    let before: Vec<(String, String)> = sqlx::query_as(settings).fetch_all(&mut *transaction).await.unwrap();
    store.enqueue_in(&mut transaction, keyed("k")).await.unwrap();
    let after: Vec<(String, String)> = sqlx::query_as(settings).fetch_all(&mut *transaction).await.unwrap();
    let changed: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{changed:?}");
    let prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%enqueue%'";
    let prepared: i64 =
        sqlx::query_scalar(prepared).persistent(false).fetch_one(&mut *transaction).await.unwrap();
    assert_eq!(prepared, 0);
    transaction.commit().await.unwrap();
    assert_eq!(careless.seen().await.first().unwrap().0, "off");
    drop((store, connection));
    careless.clear().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_pool_keeps_its_own_settings() {
    let careless = Careless::make().await;
    let pool = sqlx::PgPool::connect(&careless.direct()).await.unwrap();
    let store =
        PostgresStore::builder().pool(pool.clone()).schema(&careless.test.schema).connect().await.unwrap();
    work(&store).await;
    let set: String = sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&pool).await.unwrap();
    assert_eq!(set, "off");
    drop(store);
    pool.close().await;
    careless.clear().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_role_that_is_serializable_by_default_can_be_used() {
    let careless = Careless::make().await;
    let role = &careless.role;
    careless.test.run(&format!("ALTER ROLE {role} SET default_transaction_isolation = 'serializable'")).await;
    let store = careless.open(&careless.direct()).await;
    careless.watch().await;
    work(&store).await;
    assert!(careless.seen().await.iter().all(|seen| seen.1 == "read committed"));
    drop(store);
    careless.clear().await;
}
