//! Replays dead letters in a loop, and sometimes cancels the replay.

use std::time::Duration;

use martello::outbox::{Filter, Reason, State, WhenOvertaken};

use super::print;
use crate::{api::REFUSED, process_config::ProcessConfig};

pub(super) async fn run(config: &ProcessConfig) {
    let outbox = config.test_store.outbox(|outbox| outbox).await;
    let mut random = fastrand::Rng::with_seed(config.seed);
    loop {
        let dead = Filter::state(State::Dead);
        let filter = match random.bool() {
            true => Filter { status: Some(REFUSED), ..dead },
            false => Filter { reason: Some(Reason::Ambiguous), ..dead },
        };
        print("replays");
        let rate = f64::from(random.u32(20..500));
        let job = outbox.store().replay(filter, rate, WhenOvertaken::Overwrite).await.unwrap();
        print("replayed");
        tokio::time::sleep(Duration::from_millis(random.u64(..8))).await;
        if random.u8(..4) == 0 {
            print("replays");
            outbox.store().cancel_replay(job.id).await.unwrap();
            print("replayed");
        }
    }
}
