//! The addresses of URLs.

use std::{
    io::{self, Write},
    net::{Ipv6Addr, SocketAddr},
};

use martello_outbox::Store;
use martello_postgres::PostgresStore;
use tokio::net::TcpListener;

use crate::{
    proxy::Proxy,
    support::{TestSchema, entry},
};

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_address_of_ipv6_in_the_url_is_connected_to() {
    let test = TestSchema::fresh();
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.is_err() {
        drop(writeln!(
            io::stderr(),
            "SKIPPED: this machine has no IPv6 address, so nothing was connected to"
        ));
        return;
    }
    let proxy = Proxy::at(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), &test.url).await;
    let url = proxy.url(&test.url);
    assert!(url.contains("@[::1]:"), "{url}");
    let store = PostgresStore::builder().url(&url).schema(&test.schema).connect().await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    test.drop().await;
}
