//! Opens the store, and prints a line before and after.

use std::future::pending;

use super::print;
use crate::process_config::ProcessConfig;

pub(super) async fn run(config: &ProcessConfig) {
    print("opens");
    let _outbox = config.test_store.outbox(|outbox| outbox).await;
    print("opened");
    pending::<()>().await;
}
