use std::time::Duration;

use martello_outbox::store::HoldChange;

use crate::support::{StoreFixture, waiting};

#[tokio::test]
async fn doctor_succeeds_without_problems() {
    let fixture = StoreFixture::empty().await;
    fixture.store.enqueue(vec![waiting("https://api.example/orders/1")]).await.unwrap();
    let ran = fixture.run(&["doctor"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.lines().all(|line| line.starts_with("ok  ")), "{ran:?}");
    for what in ["schema", "integrity", "leases", "clock", "queue default", "waiting in default"] {
        assert!(ran.stdout.contains(what), "{what}: {ran:?}");
    }
    assert_eq!(fixture.json(&["doctor"])["well"], true);
}

#[tokio::test]
async fn doctor_marks_each_problem() {
    let (fixture, _) = StoreFixture::filled().await;
    fixture.run(&["outbox", "pause", "default", "--why", "their release"]);
    let ran = fixture.run(&["doctor", "--oldest", "0s"]);
    assert_eq!(ran.code, 1);
    let marked: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("LOOK")).collect();
    assert_eq!(marked.len(), 3, "{ran:?}");
    assert!(
        marked[0].contains("paused: their release; to end this: martello outbox resume default"),
        "{ran:?}"
    );
    assert!(marked[1].contains("check that a worker is running"), "{ran:?}");
    assert!(marked[2].contains("3; to list them: martello dead list --queue default"), "{ran:?}");
    fixture.run(&["outbox", "resume", "default"]);
    assert_eq!(fixture.run(&["doctor", "--dead", "3"]).code, 0);
}

#[tokio::test]
async fn doctor_reports_a_hold_until_it_ends() {
    for (wait, code) in [(Duration::from_secs(600), 1), (Duration::ZERO, 0)] {
        let fixture = StoreFixture::empty().await;
        fixture.store.enqueue(vec![waiting("https://api.example/orders/1")]).await.unwrap();
        fixture.hold(HoldChange::For { holds_in_row: 0, wait, why: "503 thrice".into() }).await;
        let ran = fixture.run(&["doctor"]);
        assert_eq!((ran.code, ran.stdout.contains("api.example held until ")), (code, code == 1), "{ran:?}");
        let stats = fixture.run(&["outbox", "stats"]);
        assert!(stats.stdout.contains("api.example"), "{stats:?}");
    }
}
