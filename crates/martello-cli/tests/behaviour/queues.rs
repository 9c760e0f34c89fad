use crate::support::StoreFixture;

#[tokio::test]
async fn shows_the_counts_of_queues() {
    let (fixture, _) = StoreFixture::filled().await;
    let ran = fixture.run(&["outbox", "stats"]);
    let rows: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["QUEUE", "READY", "LEASED", "DONE", "DEAD", "CANCELLED", "OLDEST", "DUE", "STATUS"]);
    assert_eq!(rows[1][..6], ["default", "1", "0", "0", "3", "0"]);
    assert_eq!(rows[1][7], "open");
    let stats = fixture.json(&["outbox", "stats"]);
    assert_eq!(stats["queues"][0]["dead"], 3);
    assert_eq!(stats["queues"][0]["queue"], "default");
}

#[tokio::test]
async fn pauses_a_queue_with_a_reason_and_resumes_it() {
    let (fixture, _) = StoreFixture::filled().await;
    let ran = fixture.run(&["outbox", "pause", "default", "--why", "their release"]);
    assert_eq!(ran.stdout, "paused queue default; deliveries in progress continue\n");
    assert!(fixture.run(&["outbox", "stats"]).stdout.contains("paused: their release"));
    let resumed = fixture.json(&["outbox", "resume", "default"]);
    assert_eq!(resumed["paused"], serde_json::Value::Null);
    assert_eq!(fixture.store.queues().await.unwrap()[0].paused, None);
}

#[tokio::test]
async fn an_unknown_name_creates_no_queue() {
    let (fixture, _) = StoreFixture::filled().await;
    fixture
        .run(&["outbox", "pause", "defualt"])
        .fails(4, "queue defualt does not exist; existing queues: default");
    fixture.run(&["outbox", "resume", "defualt"]).fails(4, "queue defualt does not exist");
    assert_eq!(fixture.run(&["outbox", "pause", "no queue"]).code, 2);
    assert_eq!(fixture.store.queues().await.unwrap().len(), 1);
}

#[tokio::test]
async fn truncates_no_reason_outside_a_terminal() {
    let (fixture, _) = StoreFixture::filled().await;
    let why = format!("their release, says {}", "Anneke and ".repeat(12));
    fixture.run(&["outbox", "pause", "default", "--why", &why]);
    let ran = fixture.run(&["outbox", "stats"]);
    assert!(ran.stdout.contains(why.trim()), "{ran:?}");
}
