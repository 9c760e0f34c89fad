//! The store works in a database that publishes all tables for logical replication.

use std::time::Duration;

use martello_outbox::{Change, Purge, Store, store::Turn};
use martello_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Executor};

use crate::support::{TestSchema, claim, claimed, done, entry, keyed};

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_publication_for_all_tables_does_not_break_operations() {
    let test = TestSchema::fresh();
    // The test uses its own database, because the publication covers all its tables.
    test.run("CREATE DATABASE __").await;
    let (server, _) = test.url.rsplit_once('/').unwrap();
    let there = TestSchema { url: format!("{server}/{}", test.schema), schema: "published".to_owned() };
    there.run("CREATE PUBLICATION all_there_is FOR ALL TABLES").await;

    let store = there.open().await;
    do_everything(&store, &there).await;
    // Every table has a replica identity, which updates and deletes need.
    let unnamed = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
         WHERE nspname = 'published' AND relkind = 'r'
             AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)";
    let unnamed: i64 = sqlx::query_scalar(unnamed).fetch_one(&mut there.connection().await).await.unwrap();
    assert_eq!(unnamed, 0, "every table has a primary key");
    store.close().await;
    test.run("DROP DATABASE __ WITH (FORCE)").await;
}

/// Runs each operation that updates or deletes rows.
async fn do_everything(store: &PostgresStore, there: &TestSchema) {
    store.enqueue(vec![entry(), keyed("k"), keyed("k")]).await.unwrap();
    let mut transaction = there.connection().await;
    transaction.execute("BEGIN").await.unwrap();
    store.enqueue_in(&mut transaction, keyed("external")).await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    transaction.execute("COMMIT").await.unwrap();
    loop {
        let turned = store.turn(claim(5)).await.unwrap();
        if turned.claimed.is_empty() {
            break;
        }
        let leases = turned.claimed.iter().map(|claimed| claimed.lease.clone()).collect();
        store.heartbeat(leases, Duration::from_secs(60)).await.unwrap();
        let settle = turned.claimed.iter().map(done).collect();
        store.turn(Turn { settle, ..claim(0) }).await.unwrap();
    }
    // One turn in a hundred runs this function.
    let add_up = AssertSqlSafe(format!("SELECT {}.add_up()", there.schema));
    transaction.execute(add_up).await.unwrap();
    let id = store.enqueue(vec![entry()]).await.unwrap().first().unwrap().id();
    store.change(id, Change::DeadLetter).await.unwrap();
    assert_eq!(claimed(store, 5).await, []);
    store.pause(&claim(0).queue, "a test").await.unwrap();
    store.resume(&claim(0).queue).await.unwrap();
    assert_eq!(store.purge(Purge::All).await.unwrap(), 1);
    assert_eq!(store.prune(Duration::ZERO, 100).await.unwrap(), 5);
}
