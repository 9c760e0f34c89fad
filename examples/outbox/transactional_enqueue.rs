//! Writes an order to the service's own table and enqueues its request in the same transaction: both are
//! stored, or neither.
//!
//! ```text
//! MARTELLO_TEST_POSTGRES_URL=postgres://postgres@localhost/postgres cargo run --example transactional_enqueue
//! ```

use std::{error::Error, io::Write};

use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{Body, Outbox, Stack, outbox::State, postgres::PostgresStore};
use martello_testkit::Server;
use sqlx::{AssertSqlSafe, PgPool, postgres::PgPoolOptions};
use tower::Layer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let Ok(url) = std::env::var("MARTELLO_TEST_POSTGRES_URL") else {
        writeln!(out, "skipped: MARTELLO_TEST_POSTGRES_URL is not set")?;
        return Ok(());
    };
    let schema = format!("martello_example_{}", std::process::id());
    let pool = PgPoolOptions::new().max_connections(5).connect(&url).await?;
    let orders = Orders::create(&pool, &schema).await?;

    let api = Server::start().await?;
    let store = PostgresStore::builder().pool(pool.clone()).schema(&schema).connect().await?;
    let outbox = Outbox::new(store.clone());
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let worker = outbox.worker(Stack::new().without_retry().build()?.layer(http)).start();

    let request =
        |order| Request::put(api.uri(&format!("/orders/{order}"))).body(Body::from(r#"{"stops":3}"#));
    // A rollback removes the order and its request.
    let mut transaction = pool.begin().await?;
    orders.insert(&mut transaction, "DO-1").await?;
    store.enqueue_in(&mut transaction, outbox.prepare(request("DO-1")?).await?).await?;
    transaction.rollback().await?;

    // A commit stores the order and its request, and a worker delivers the request.
    let mut transaction = pool.begin().await?;
    orders.insert(&mut transaction, "DO-2").await?;
    let enqueued = store.enqueue_in(&mut transaction, outbox.prepare(request("DO-2")?).await?).await?;
    transaction.commit().await?;

    let state = outbox.ticket(enqueued.id()).ended().await?.state;
    worker.shutdown().await;
    let received: Vec<_> = api.requests().iter().map(|request| request.uri.path().to_owned()).collect();
    let count = orders.count(&pool).await?;
    writeln!(out, "{state}: {count} order in the table, and the API received {received:?}")?;
    sqlx::query(AssertSqlSafe(format!("drop schema {schema} cascade"))).execute(&pool).await?;
    if (state, count, received) != (State::Done, 1, vec!["/orders/DO-2".to_owned()]) {
        return Err("the table and the API differ".into());
    }
    Ok(())
}

/// The service's own table, in the same database as the outbox.
struct Orders {
    table: String,
}

impl Orders {
    async fn create(pool: &PgPool, schema: &str) -> sqlx::Result<Self> {
        let table = format!("{schema}_orders");
        sqlx::query(AssertSqlSafe(format!("create table {table} (id text primary key)")))
            .execute(pool)
            .await?;
        Ok(Self { table })
    }

    async fn insert(&self, transaction: &mut sqlx::PgConnection, id: &str) -> sqlx::Result<()> {
        let insert = format!("insert into {} (id) values ($1)", self.table);
        sqlx::query(AssertSqlSafe(insert)).bind(id).execute(transaction).await?;
        Ok(())
    }

    async fn count(&self, pool: &PgPool) -> sqlx::Result<i64> {
        let count = format!("select count(*) from {}", self.table);
        sqlx::query_scalar(AssertSqlSafe(count)).fetch_one(pool).await
    }
}
