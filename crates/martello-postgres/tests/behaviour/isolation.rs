//! Connections with another default isolation level.

use std::time::Duration;

use martello_outbox::{Store, store::Turn};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::support::{TestSchema, claim, claimed, done, keyed};

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_stricter_default_isolation_leaves_no_entry_waiting_behind_a_free_key() {
    let test = TestSchema::fresh();
    let sign = if test.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{sign}options=-c%20default_transaction_isolation%3Drepeatable%5C%20read", test.url);
    let store = test.builder().url(&url).connect().await.unwrap();
    store.enqueue(vec![keyed("k")]).await.unwrap();
    let turned = store.turn(claim(5)).await.unwrap();

    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let lock = format!("SELECT {0}.lock_stripes(ARRAY[{0}.stripe('k')])", test.schema);
    transaction.execute(sqlx::raw_sql(AssertSqlSafe(lock))).await.unwrap();
    // Both operations wait for the lock of the key, one after the other.
    let settle = turned.claimed.iter().map(done).collect();
    let after = |millis| tokio::time::sleep(Duration::from_millis(millis));
    let settled = async {
        after(300).await;
        store.turn(Turn { settle, ..claim(0) }).await
    };
    let released = async {
        after(600).await;
        transaction.commit().await
    };
    let (behind, settled, released) = tokio::join!(store.enqueue(vec![keyed("k")]), settled, released);
    let behind = behind.unwrap()[0].id();
    settled.unwrap();
    released.unwrap();
    assert_eq!(claimed(&store, 5).await, [behind]);
    test.drop().await;
}
