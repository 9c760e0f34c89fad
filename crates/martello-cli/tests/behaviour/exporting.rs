use martello_outbox::{NewEntry, Reason};
use serde_json::{Value, json};

use crate::support::{StoreFixture, request};

#[tokio::test]
async fn exports_each_entry_as_one_line() {
    let (fixture, ids) = StoreFixture::filled().await;
    assert_eq!(fixture.run(&["dead", "edit", &ids[0].to_string(), "--body", "{}"]).code, 0);
    let ran = fixture.run(&["dead", "export", "--host", "api.example"]);
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((ran.code, lines.len()), (0, 2));
    assert_eq!(lines[0]["entry"]["id"], json!(ids[1]));
    assert_eq!(lines[1]["attempts"][1]["tracking_id"], "track-2-422");
    assert_eq!(lines[1]["revisions"][0]["url"], "https://api.example/orders/1?token=s3cret");
    assert_eq!(lines[1]["revisions"][1]["body"], "{}");
    assert_eq!(lines[1]["events"][1]["kind"], "edited");
}

#[tokio::test]
async fn a_body_that_is_no_text_is_base64() {
    let fixture = StoreFixture::empty().await;
    let mut request = request("https://api.example/orders/1");
    request.body = b"\xff\x00\x01".as_slice().into();
    let mut entry = NewEntry::new(martello_outbox::QueueName::default(), request);
    entry.dead = Some(Reason::Rejected);
    fixture.store.enqueue(vec![entry]).await.unwrap();
    let line: Value = serde_json::from_str(&fixture.run(&["dead", "export"]).stdout).unwrap();
    assert_eq!(line["revisions"][0]["body_base64"], "/wAB");
    assert_eq!(line["revisions"][0].get("body"), None);
}

#[tokio::test]
async fn writes_the_file_as_a_whole_with_mode_0600() {
    let (fixture, _) = StoreFixture::filled().await;
    let path = fixture.path("dead.ndjson");
    let ran = fixture.run(&["dead", "export", "--out", path.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout), (0, format!("exported 3 dead letters to {}\n", path.display())));
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    fixture
        .run(&["dead", "export", "--status", "418", "--out", path.to_str().unwrap()])
        .fails(4, "match the filter");
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3, "it is as it was");
    fixture.run(&["dead", "export", "--out", "/nowhere/at/all"]).fails(7, "failed to write /nowhere/at/all");
}
