use martello_outbox::{Change, Reason, store::End};
use serde_json::json;

use crate::support::{StoreFixture, dead};

#[tokio::test]
async fn filters_by_host_status_reason_and_tracking_id() {
    let (fixture, ids) = StoreFixture::filled().await;
    let found = |arguments: &[&str]| -> Vec<String> {
        let list = fixture.json(&[&["dead", "list"], arguments].concat());
        let entries = list["entries"].as_array().unwrap().iter();
        entries.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    let named = |indices: &[usize]| indices.iter().map(|at| ids[*at].to_string()).collect::<Vec<_>>();
    assert_eq!(found(&[]), named(&[2, 1, 0]));
    assert_eq!(found(&["--host", "API.example", "--status", "422"]), named(&[1, 0]));
    assert_eq!(found(&["--reason", "exhausted", "--since", "2h", "--queue", "default"]), named(&[2]));
    assert_eq!(found(&["--tracking-id", "track-2-503"]), named(&[2]));
    assert_eq!(found(&["--outcome", "rejected", "--key", "api.example/orders/2"]), named(&[1]));
    assert_eq!(found(&["--before", "2h"]), named(&[]));
}

#[tokio::test]
async fn prints_a_list_as_a_table() {
    let (fixture, ids) = StoreFixture::filled().await;
    let ran = fixture.run(&["dead", "list", "--host", "api.example"]);
    let rows: Vec<Vec<&str>> = ran.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["ID", "REASON", "FOR", "LAST", "ATTEMPTS", "QUEUE", "REQUEST"]);
    let row = |id: &str, url| [id, "rejected", "0s", "422", "2", "default", "PUT", url].map(str::to_owned);
    let without_age = |row: &[&str]| {
        row.iter()
            .enumerate()
            .map(|(at, cell)| if at == 2 { "0s".to_owned() } else { (*cell).to_owned() })
            .collect::<Vec<_>>()
    };
    assert_eq!(without_age(&rows[1]), row(&ids[1].to_string(), "https://api.example/orders/2"));
    assert_eq!(without_age(&rows[2]), row(&ids[0].to_string(), "https://api.example/orders/1?token=***"));
    assert_eq!((rows.len(), ran.code, ran.stderr.as_str()), (3, 0, ""));
}

#[tokio::test]
async fn continues_a_list_after_the_last_entry_of_a_page() {
    let (fixture, ids) = StoreFixture::filled().await;
    let first = fixture.json(&["outbox", "list", "--limit", "3"]);
    let next = first["next"].as_str().unwrap();
    let second = fixture.json(&["outbox", "list", "--limit", "3", "--after", next]);
    assert_eq!(second["entries"][0]["id"], json!(ids[0]));
    assert_eq!(second["next"], json!(null));

    let ran = fixture.run(&["outbox", "list", "--limit", "3"]);
    assert_eq!(ran.stderr, format!("more entries follow: add --after {next}\n"));
}

#[tokio::test]
async fn an_empty_list_is_a_success() {
    let (fixture, _) = StoreFixture::filled().await;
    let ran = fixture.run(&["dead", "list", "--host", "unknown.example"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "", "no entry matches the filter\n")
    );
    assert_eq!(fixture.json(&["dead", "list", "--status", "418"]), json!({"entries": [], "next": null}));
}

#[tokio::test]
async fn shows_the_timeline_and_the_request_of_a_dead_letter() {
    let (fixture, ids) = StoreFixture::filled().await;
    let id = ids[0];
    fixture.change(id, Change::Protect).await;
    let shown = fixture.run(&["dead", "show", &id.to_string()]).stdout;
    let expected = [
        format!("{id} is dead: rejected"),
        "  request         PUT https://api.example/orders/1?token=***".to_owned(),
        "  order key       api.example/orders/1".to_owned(),
        "  protected       yes: purges do not delete it".to_owned(),
        "  2026-11-28T16:00:01.000Z  attempt 1: 503 unavailable after 120.0 ms, Trackingid track-1-503, by OutboxLayer".to_owned(),
        "  2026-11-28T16:00:02.000Z  attempt 2: 422 rejected after 120.0 ms, Trackingid track-2-422, by OutboxLayer".to_owned(),
        // Control characters in the text of the server are escaped.
        "                              stops must not be \\u{1b}[31mnegative".to_owned(),
        "  content-type: application/json".to_owned(),
        "    \"stops\": -3,".to_owned(),
    ];
    let mut lines = shown.lines();
    for line in expected {
        assert!(lines.any(|shown| shown == line), "{line:?} is not there, or not in its place:\n{shown}");
    }
    assert!(shown.contains("became a dead letter: rejected\n"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
    let revealed = fixture.run(&["dead", "show", &id.to_string(), "--reveal"]).stdout;
    assert!(revealed.contains("token=s3cret"), "{revealed}");
}

#[tokio::test]
async fn shows_the_same_as_json() {
    let (fixture, ids) = StoreFixture::filled().await;
    let shown = fixture.json(&["dead", "show", &ids[0].to_string()]);
    assert_eq!(shown["entry"]["state"], "dead");
    assert_eq!(shown["entry"]["url"], "https://api.example/orders/1?token=***");
    assert_eq!(shown["attempts"][1]["tracking_id"], "track-2-422");
    assert_eq!(shown["attempts"][1]["seconds"], 0.12);
    assert_eq!(shown["events"][0]["kind"], "died");
    assert_eq!(shown["revisions"][0]["headers"][0], json!(["content-type", "application/json"]));
    assert_eq!(shown["revisions"][0]["body"], "{\"stops\":-3,\"by\":\"road\"}");
    assert_eq!(shown["overtaken"], false);
}

#[tokio::test]
async fn writes_a_body_byte_for_byte() {
    let (fixture, ids) = StoreFixture::filled().await;
    let ran = fixture.run(&["dead", "show", &ids[0].to_string(), "--body"]);
    assert_eq!(ran.stdout, "{\"stops\":-3,\"by\":\"road\"}");
    let ran = fixture.run(&["dead", "show", &ids[0].to_string(), "--body", "--revision", "2"]);
    ran.fails(4, "has no revision 2");
}

#[tokio::test]
async fn shows_a_delivered_entry() {
    let (fixture, ids) = StoreFixture::filled().await;
    assert_eq!(fixture.deliver(End::Done, 200).await, 1);
    let shown = fixture.run(&["outbox", "show", &ids[3].to_string()]);
    assert!(shown.stdout.starts_with(&format!("{} is done\n", ids[3])), "{shown:?}");
}

#[tokio::test]
async fn rejects_an_invalid_or_unknown_id() {
    let (fixture, _) = StoreFixture::filled().await;
    let ran = fixture.run(&["dead", "show", "17"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("invalid value '17' for '<ID>': the id must be a UUID"), "{ran:?}");
    let unknown = "01939393-0000-7000-8000-000000000000";
    fixture.run(&["dead", "show", unknown]).fails(4, &format!("there is no entry {unknown}"));
}

#[tokio::test]
async fn masks_secrets_in_urls() {
    let fixture = StoreFixture::empty().await;
    let mut entry = dead("https://api.example/orders/1", 422, Reason::Rejected);
    for (name, value) in [
        ("referer", "https://me:s3cret@api.example/"),
        ("link", "<https://me:s3cret@api.example/a?key=s3cret>; rel=\"next\", <b?key=s3cret>; rel=\"prev\""),
        ("x-callback-url", "https://me:s3cret@hooks.example/done?token=s3cret#id=s3cret"),
        ("refresh", "5; url=/a?key=s3cret"),
        ("x-orders-token", "s3cret"),
    ] {
        entry.request.headers.insert(name, value.parse().unwrap());
    }
    // Older versions stored URLs unmasked.
    entry.attempts[1].fault = Some("PUT https://me:s3cret@api.example/?key=s3cret: reset".into());
    let id = entry.id.to_string();
    fixture.store.enqueue(vec![entry]).await.unwrap();
    for json in [&["dead", "show", &id][..], &["dead", "show", &id, "--json"]] {
        let shown = fixture.run(json).stdout;
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("https://***@hooks.example/done?token=***#id=***"), "{shown}");
        assert!(shown.contains("PUT https://***@api.example/?key=***: reset"), "{shown}");
    }
    let revealed = fixture.run(&["dead", "show", &id, "--reveal"]).stdout;
    assert_eq!(revealed.matches("s3cret").count(), 11, "{revealed}");
}

/// As in a list, in a timeline, next to a hold, and with extra characters of a selection.
#[tokio::test]
async fn accepts_hosts_and_ids_copied_from_its_output() {
    let fixture = StoreFixture::empty().await;
    let urls =
        ["https://Api.Example:8443/orders/1", "https://api.example:8443/orders/2", "http://[::1]:81/3"];
    let entries: Vec<_> = urls.iter().map(|url| dead(url, 422, Reason::Rejected)).collect();
    let id = entries[2].id;
    fixture.store.enqueue(entries).await.unwrap();
    let many = |filter: &[&str]| {
        let output = fixture.json(&[&["dead", "list"], filter].concat());
        output["entries"].as_array().unwrap().len()
    };
    for host in [
        "api.example",
        "API.example",
        "api.example:8443",
        "https://api.example:8443/orders/1?a=***",
        "api.example:8443/orders/2",
    ] {
        assert_eq!(many(&["--host", host]), 2, "{host}");
    }
    for host in ["[::1]", "::1", "[::1]:81", "http://[::1]:81/3"] {
        assert_eq!(many(&["--host", host]), 1, "{host}");
    }
    for id in ["track-2-422", "Trackingid track-2-422", " track-2-422,"] {
        assert_eq!(many(&["--tracking-id", id]), 3, "{id}");
    }
    for id in [format!(" {id}"), format!("{id},"), format!("\"{id}\""), id.to_string().to_uppercase()] {
        assert_eq!(fixture.run(&["dead", "show", &id]).code, 0, "{id}");
    }
    for host in ["", "https://", "a b"] {
        assert_eq!(fixture.run(&["dead", "list", "--host", host]).code, 2, "{host}");
    }
}

/// The filter ignores ports. It must not select entries of a port that was not given.
#[tokio::test]
async fn rejects_a_host_filter_that_includes_other_ports() {
    let fixture = StoreFixture::empty().await;
    let urls = ["https://api.example:8443/orders/1", "https://api.example:9443/orders/2"];
    let entries = urls.iter().map(|url| dead(url, 422, Reason::Rejected));
    fixture.store.enqueue(entries.collect()).await.unwrap();
    for arguments in [
        &["dead", "list", "--host", "api.example:8443"][..],
        &["dead", "purge", "--host", "api.example:8443", "--yes"],
        &["dead", "export", "--host", "api.example:8443"],
        &["dead", "replay", "--host", "api.example:8443", "--yes"],
    ] {
        fixture.run(arguments).fails(2, "--host matches all ports: an entry for api.example:9443");
    }
    assert_eq!(
        fixture.run(&["dead", "purge", "--host", "api.example", "--yes"]).stdout,
        "purged 2 dead letters\n"
    );
}
