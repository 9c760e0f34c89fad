//! A store whose first process is killed while it makes it is one for the next.

use std::time::Duration;

use http::Request;
use martello::Body;
use tokio::time::Instant;

use crate::{
    child::Child,
    ground::Ground,
    part::{Part, Role},
    settings::{seed, tell},
};

const KILLS: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_maker_was_killed_becomes_a_store_all_the_same() {
    let seed = seed();
    tell(&format!("makers of a file: {KILLS} kills, MARTELLO_TEST_SEED={seed}"));
    let mut random = fastrand::Rng::with_seed(seed);
    let began = Instant::now();
    let (_directory, ground) = Ground::sqlite();
    opener(&ground).hears("opened", 0).await;
    let takes = u64::try_from(began.elapsed().as_micros()).unwrap();

    let mut hits = 0;
    for _ in 0..KILLS {
        let (_directory, ground) = Ground::sqlite();
        let child = opener(&ground);
        tokio::time::sleep(Duration::from_micros(random.u64(..takes))).await;
        hits += usize::from(child.kill() == ["opens"]);
        assert_sound(&ground).await;
    }
    tell(&format!("{hits} of {KILLS} were killed while they made a file"));
}

fn opener(ground: &Ground) -> Child {
    Child::spawn(Part {
        role: Role::Opener,
        name: Role::Opener.as_str().to_owned(),
        ground: ground.clone(),
        api: String::new(),
        concurrency: 5,
        lease: Duration::from_secs(1),
        seed: 0,
    })
}

async fn assert_sound(ground: &Ground) {
    let outbox = ground.outbox(|outbox| outbox).await;
    outbox
        .enqueue(Request::put("http://api.example/orders/1").body(Body::from("{}")).unwrap())
        .await
        .unwrap();
    let findings = outbox.store().examine().await.unwrap();
    assert!(findings.iter().all(|finding| finding.well), "{findings:?}");
}
