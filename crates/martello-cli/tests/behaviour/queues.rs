use crate::support::Stage;

#[tokio::test]
async fn queues_are_counted() {
    let (stage, _) = Stage::filled().await;
    let ran = stage.run(&["outbox", "stats"]);
    let rows: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["QUEUE", "READY", "LEASED", "DONE", "DEAD", "CANCELLED", "OLDEST", "DUE", "IS"]);
    assert_eq!(rows[1][..6], ["default", "1", "0", "0", "3", "0"]);
    assert_eq!(rows[1][7], "open");
    let stats = stage.json(&["outbox", "stats"]);
    assert_eq!(stats["queues"][0]["dead"], 3);
    assert_eq!(stats["queues"][0]["queue"], "default");
}

#[tokio::test]
async fn a_queue_is_paused_with_a_reason_and_resumed() {
    let (stage, _) = Stage::filled().await;
    let ran = stage.run(&["outbox", "pause", "default", "--why", "their release"]);
    assert_eq!(ran.stdout, "the queue default is paused; what workers have goes on\n");
    assert!(stage.run(&["outbox", "stats"]).stdout.contains("paused: their release"));
    let resumed = stage.json(&["outbox", "resume", "default"]);
    assert_eq!(resumed["paused"], serde_json::Value::Null);
    assert_eq!(stage.store.queues().await.unwrap()[0].paused, None);
}

#[tokio::test]
async fn a_name_that_is_mistyped_makes_no_queue() {
    let (stage, _) = Stage::filled().await;
    stage.run(&["outbox", "pause", "defualt"]).fails(4, "there is no queue defualt, but default");
    stage.run(&["outbox", "resume", "defualt"]).fails(4, "there is no queue defualt");
    assert_eq!(stage.run(&["outbox", "pause", "no queue"]).code, 2);
    assert_eq!(stage.store.queues().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_reason_is_not_cut_where_a_program_reads() {
    let (stage, _) = Stage::filled().await;
    let why = format!("their release, says {}", "Anneke and ".repeat(12));
    stage.run(&["outbox", "pause", "default", "--why", &why]);
    let ran = stage.run(&["outbox", "stats"]);
    assert!(ran.stdout.contains(why.trim()), "{ran:?}");
}
