//! Opens the store, and says so before and after.

use std::future::pending;

use super::say;
use crate::part::Part;

pub(super) async fn play(part: &Part) {
    say("opens");
    let _outbox = part.ground.outbox(|outbox| outbox).await;
    say("opened");
    pending::<()>().await;
}
