//! Puts dead letters back, again and again, and now and then thinks better of it.

use std::time::Duration;

use martello::outbox::{Filter, Reason, State, WhenOvertaken};

use super::say;
use crate::{api::REFUSED, part::Part};

pub(super) async fn play(part: &Part) {
    let outbox = part.ground.outbox(|outbox| outbox).await;
    let mut random = fastrand::Rng::with_seed(part.seed);
    loop {
        let dead = Filter::state(State::Dead);
        let filter = match random.bool() {
            true => Filter { status: Some(REFUSED), ..dead },
            false => Filter { reason: Some(Reason::Ambiguous), ..dead },
        };
        say("replays");
        let rate = f64::from(random.u32(20..500));
        let job = outbox.store().replay(filter, rate, WhenOvertaken::Overwrite).await.unwrap();
        say("replayed");
        tokio::time::sleep(Duration::from_millis(random.u64(..8))).await;
        if random.u8(..4) == 0 {
            say("replays");
            outbox.store().cancel_replay(job.id).await.unwrap();
            say("replayed");
        }
    }
}
