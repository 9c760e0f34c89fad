//! Connecting: its errors, its options, and the end of connections.

use std::{error::Error, time::Duration};

use martello_outbox::{Store, StoreError, StoreErrorKind};
use martello_postgres::{PostgresStore, PostgresStoreBuilder};
use sqlx::{Connection, PgConnection, Row};
use tokio::net::TcpListener;

use crate::support::{TestSchema, entry};

async fn refused(builder: PostgresStoreBuilder) -> StoreError {
    builder.connect().await.unwrap_err()
}

/// The error and its sources in one text, as a log shows them.
fn all(error: &StoreError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn invalid_urls_and_values_out_of_range_are_invalid() {
    let url = "postgres://u@localhost/x";
    for builder in [
        PostgresStore::builder(),
        PostgresStore::builder().url("not a url with s3cret"),
        PostgresStore::builder().url("postgres://user:s3cret@host:port/x"),
        PostgresStore::builder().url(url).schema("no-schema"),
        PostgresStore::builder().url(url).max_connections(1),
        PostgresStore::builder().url(url).patience(Duration::ZERO),
        PostgresStore::builder().url(url).max_batch(0),
        PostgresStore::builder().url(url).max_waiting(0),
    ] {
        assert!(!format!("{builder:?}").contains("s3cret"));
        let error = refused(builder).await;
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
        assert!(!all(&error).contains("s3cret"), "{}", all(&error));
    }
}

#[tokio::test]
async fn an_unreachable_or_silent_server_is_unavailable_and_no_password_is_shown() {
    // No server listens on the port after the drop.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for address in [gone, silent] {
        let url = format!("postgres://user:s3cret@{address}/x");
        let error = refused(PostgresStore::builder().url(&url).patience(Duration::from_millis(500))).await;
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert!(!all(&error).contains("s3cret"), "{}", all(&error));
    }
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn tables_of_another_program_and_a_newer_schema_are_refused() {
    let test = TestSchema::fresh();
    test.run("CREATE SCHEMA __; CREATE TABLE __.theirs (id integer)").await;
    let error = refused(test.builder()).await;
    assert_eq!(error.kind(), StoreErrorKind::Unusable);
    assert!(error.to_string().ends_with("has tables of another program: choose another name"), "{error}");
    test.run("DROP TABLE __.theirs").await;
    test.open().await.enqueue(vec![entry()]).await.unwrap();
    test.run("INSERT INTO __.martello_migration (version) VALUES (99)").await;
    let error = refused(test.builder()).await;
    assert_eq!(error.kind(), StoreErrorKind::Unusable);
    assert!(
        error.to_string().contains("written by a newer martello (schema 99, this one knows 3)"),
        "{error}"
    );
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_role_without_privileges_and_a_missing_database_are_refused() {
    let test = TestSchema::fresh();
    let role = format!("{}_role", test.schema);
    test.run(&format!("CREATE ROLE {role} LOGIN PASSWORD 's3cret'")).await;
    let mut url: String = test.url.clone();
    let host = url.split_off(url.find('@').unwrap());
    let url = format!("postgres://{role}:s3cret{host}");
    let error = refused(PostgresStore::builder().url(&url).schema(&test.schema)).await;
    assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    assert!(!all(&error).contains("s3cret"), "{}", all(&error));

    // The role may use a schema of another role, but only with its grants.
    let owner = test.open().await;
    owner.enqueue(vec![entry()]).await.unwrap();
    test.run(&format!(
        "GRANT USAGE ON SCHEMA __ TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA __ TO {role}"
    ))
    .await;
    let store = PostgresStore::builder().url(&url).schema(&test.schema).connect().await.unwrap();
    let error = store.enqueue(vec![entry()]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    test.run(&format!(
        "GRANT ALL ON ALL TABLES IN SCHEMA __ TO {role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA __ TO {role}"
    ))
    .await;
    store.enqueue(vec![entry()]).await.unwrap();
    assert_eq!(crate::support::claimed(&store, 5).await.len(), 2);
    store.close().await;
    test.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;

    let slash = test.url.rfind('/').unwrap();
    let nowhere = format!("{}/{}", &test.url[..slash], test.schema);
    let error = refused(PostgresStore::builder().url(&nowhere)).await;
    assert_eq!(error.kind(), StoreErrorKind::Unusable, "{error}");
    assert!(error.to_string().contains("no such database"), "{error}");
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_read_only_server_is_refused() {
    let test = TestSchema::fresh();
    let sign = if test.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{sign}options=-c%20default_transaction_read_only%3Don", test.url);
    let error = refused(PostgresStore::builder().url(&url).schema(&test.schema)).await;
    assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn the_url_may_name_the_schema() {
    let test = TestSchema::fresh();
    let sign = if test.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{sign}schema={}&application_name=x", test.url, test.schema);
    let store = PostgresStore::connect(&url).await.unwrap();
    assert_eq!(store.schema(), test.schema);
    assert_eq!(test.builder().url(&url).connect().await.unwrap().schema(), test.schema);
    for builder in [
        test.builder().url(&format!("{}{sign}schema=another", test.url)),
        PostgresStore::builder().url(&format!("{}{sign}schema=a&schema=b", test.url)),
        PostgresStore::builder().url(&format!("{}{sign}schema=no-schema", test.url)),
    ] {
        let error = refused(builder).await;
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("schema"), "{error}");
    }
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn commits_are_durable_despite_the_settings_of_the_role() {
    let test = TestSchema::fresh();
    let sign = if test.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{sign}options=-c%20synchronous_commit%3Doff", test.url);
    let store = PostgresStore::builder().url(&url).schema(&test.schema).connect().await.unwrap();
    let findings = store.check_health().await.unwrap();
    let durability = findings.into_iter().find(|finding| finding.what == "durability").unwrap();
    assert!(durability.seen.contains("synchronous_commit on"), "{}", durability.seen);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_pool_is_used_and_stays_open_when_the_store_is_closed() {
    let test = TestSchema::fresh();
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(2).connect(&test.url).await.unwrap();
    let store = PostgresStore::builder().pool(pool.clone()).schema(&test.schema).connect().await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    assert_eq!(crate::support::claimed(&store, 5).await.len(), 1);
    store.close().await;
    for error in [store.enqueue(vec![entry()]).await.unwrap_err(), store.queues().await.unwrap_err()] {
        assert_eq!(error.to_string(), "the store is closed: open it again");
    }
    let one: i32 = sqlx::query("SELECT 1").fetch_one(&pool).await.unwrap().get(0);
    assert_eq!(one, 1);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_dropped_store_leaves_no_connection() {
    let test = TestSchema::fresh();
    let name = format!("{}_drops", test.schema);
    let sign = if test.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{sign}application_name={name}", test.url);
    let store = PostgresStore::builder().url(&url).schema(&test.schema).connect().await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    drop(store.watch(martello_outbox::store::Watch::Ready));
    let mut connection = PgConnection::connect(&test.url).await.unwrap();
    let mut count = async || -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1";
        sqlx::query_scalar(sql).bind(&name).fetch_one(&mut connection).await.unwrap()
    };
    assert!(count().await > 0);
    drop(store);
    while count().await > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // A closed store leaves no connection either, even if a caller still owns it and watches.
    let store = PostgresStore::builder().url(&url).schema(&test.schema).connect().await.unwrap();
    let mut watch = store.watch(martello_outbox::store::Watch::Ready);
    // The first notification shows that the store listens.
    tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.unwrap().unwrap();
    store.close().await;
    let gone = async {
        while count().await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
    test.drop().await;
}
