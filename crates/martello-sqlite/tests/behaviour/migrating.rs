//! A schema is brought forward whole or not at all.

use martello_outbox::{Store, StoreErrorKind};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::support::{entry, place};

#[tokio::test]
async fn a_step_that_fails_half_way_leaves_the_version_before_it() {
    let (_directory, path) = place();
    let connection = Connection::open(&path).unwrap();
    // Ours, but empty; and what the last statement of the first step makes is in its way.
    connection.execute_batch("PRAGMA application_id = 0x4d746c6f; CREATE TABLE replay (in_the_way)").unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Internal, "{error}");
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("PRAGMA user_version"), 0);
    assert_eq!(number("SELECT count(*) FROM sqlite_schema"), 1, "what was there before");
    connection.execute_batch("DROP TABLE replay").unwrap();
    SqliteStore::open(&path).await.unwrap().enqueue(vec![entry()]).await.unwrap();
}
