//! No secret header is stored: not by an `OutboxLayer`, not by `enqueue`, not by `edit`.

use std::{env, path::Path};

use http::{HeaderValue, Request};
use martello::{
    Body, Outbox, OutboxLayer, Sent, Stack,
    outbox::{Change, EntryId, Filter, State, Store},
    postgres::PostgresStore,
    sqlite::SqliteStore,
};
use martello_testkit::{Reply, Server};
use sqlx::{AssertSqlSafe, Connection};
use tower::{Layer, ServiceExt};

use crate::support::http;

const SECRETS: [&str; 4] = ["c2VjcmV0LTE3", "cookie-secret-18", "key-secret-19", "marked-secret-20"];

/// A request with a secret in each kind of secret header, and with two public headers.
fn secretive(request: Request<&'static str>) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    let mut add = |name: &'static str, value: String| {
        parts.headers.insert(name, HeaderValue::from_str(&value).unwrap());
    };
    add("authorization", format!("Bearer {}", SECRETS[0]));
    add("cookie", format!("session={}", SECRETS[1]));
    add("x-api-key", SECRETS[2].to_owned());
    add("x-tenant", "tenant-of-old".to_owned());
    let mut marked = HeaderValue::from_static(SECRETS[3]);
    marked.set_sensitive(true);
    parts.headers.insert("x-internal", marked);
    Request::from_parts(parts, Body::from(body))
}

/// Whether any file of the directory contains these bytes.
fn is_stored(directory: &Path, bytes: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|file| {
        let stored = std::fs::read(file.unwrap().path()).unwrap();
        stored.windows(bytes.len()).any(|window| window == bytes.as_bytes())
    })
}

async fn dies(outbox: &Outbox, id: EntryId) {
    let again = Request::put("http://api.example/orders/17").body("the corrected order").unwrap();
    outbox.store().change(id, Change::DeadLetter).await.unwrap();
    outbox.edit(id, 1, secretive(again)).await.unwrap();
}

/// Defers, enqueues, dead-letters and edits requests with secrets.
async fn store_all(store: impl Store + Clone) {
    let server = Server::with(|_| Reply::status(503)).await.unwrap();
    let outbox = Outbox::new(store.clone());
    let once = Stack::new().without_retry().build().unwrap().layer(http());
    let orders = OutboxLayer::new(outbox.clone()).layer(once);

    let request = Request::put(server.uri("/orders/17")).body("the deferred order").unwrap();
    let Sent::Deferred(ticket) = orders.clone().oneshot(secretive(request)).await.unwrap() else {
        unreachable!("the server is down, and the order was not deferred");
    };
    let request = Request::post(server.uri("/orders")).body("the enqueued order").unwrap();
    outbox.enqueue(secretive(request)).await.unwrap();
    dies(&outbox, ticket.id()).await;

    assert!(server.requests().iter().all(|request| request.headers.contains_key("authorization")));
    assert_eq!(store.count(Filter::state(State::Dead)).await.unwrap(), 1);
}

/// Checks that `seen` finds all public texts and no secret.
fn check(seen: impl Fn(&str) -> bool) {
    for public in ["the deferred order", "the enqueued order", "the corrected order", "tenant-of-old"] {
        assert!(seen(public), "{public:?} is not found, so the search would not find secrets either");
    }
    for secret in SECRETS {
        assert!(!seen(secret), "{secret} is stored");
    }
}

#[tokio::test]
async fn no_byte_of_a_file_is_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("outbox.db")).await.unwrap();
    store_all(store.clone()).await;
    check(|what| is_stored(directory.path(), what)); // with the log beside it
    store.close().await;
    check(|what| is_stored(directory.path(), what));
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn no_row_of_a_schema_is_a_secret() {
    let url = env::var("MARTELLO_TEST_POSTGRES_URL").unwrap();
    let schema = format!("martello_secrets_{}", std::process::id());
    let store = PostgresStore::builder().url(&url).schema(&schema).connect().await.unwrap();
    store_all(store.clone()).await;
    let dump = dump(&url, &schema).await;
    store.drop_schema().await.unwrap();
    check(|what| {
        let bytes = what.bytes().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        dump.contains(what) || dump.contains(&bytes)
    });
}

/// Every row of every table as text, with bytes in hexadecimal.
async fn dump(url: &str, schema: &str) -> String {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let tables = "select table_name::text from information_schema.tables where table_schema = $1";
    let tables: Vec<String> =
        sqlx::query_scalar(tables).bind(schema).fetch_all(&mut connection).await.unwrap();
    let mut dump = String::new();
    for table in tables {
        let rows = format!(r#"select t::text from "{schema}"."{table}" t"#);
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut connection).await.unwrap();
        dump.extend(rows);
    }
    dump
}
