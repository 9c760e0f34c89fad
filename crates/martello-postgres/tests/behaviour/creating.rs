//! The creation of a schema.

use martello_outbox::StoreErrorKind;
use martello_postgres::PostgresStore;

use crate::support::{fresh_schema, url};

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_schema_is_created_only_if_creation_is_allowed() {
    let url = url();
    let name = fresh_schema();
    let builder = || PostgresStore::builder().url(&url).schema(&name).max_connections(2);
    let looked = async || builder().create(false).connect().await;
    for _ in 0..2 {
        assert_eq!(looked().await.unwrap_err().kind(), StoreErrorKind::Unusable);
    }
    let store = builder().connect().await.unwrap();
    assert!(looked().await.is_ok());
    store.drop_schema().await.unwrap();
}
