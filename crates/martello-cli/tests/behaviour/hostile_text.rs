//! Text with control characters is escaped before it reaches the terminal.

use http::HeaderValue;
use martello_outbox::{EntryId, OrderKey, Reason};
use martello_testkit::{Reply, Server};
use serde_json::Value;

use crate::{
    support::{RunResult, StoreFixture, bare, dead},
    sync::{SyncFixture, run},
};

/// An escape sequence, C1 control characters, bidirectional controls, a Unicode line separator, invisible
/// characters.
const CONTROLS: &str =
    "\u{1b}]52;c;Zm9v\u{7}\u{9b}2J\u{7f}\u{61c}\u{200b}\u{200e}\u{202e}\u{2028}\u{2066}\u{e0041}";
/// Those of them that a URL, a header and a key can contain.
const BEYOND_ASCII: &str = "\u{9b}2J\u{202e}\u{2066}\u{200e}";

/// Asserts that the output has no control or invisible characters except newlines.
fn is_harmless(ran: &RunResult) {
    for text in [&ran.stdout, &ran.stderr] {
        let is_control = |char: &char| char.is_control() || (!char.is_ascii() && CONTROLS.contains(*char));
        let found = text.chars().filter(|char| *char != '\n').find(is_control);
        assert_eq!(found, None, "{text:?}");
    }
}

async fn stored(fixture: &StoreFixture) -> EntryId {
    // Keys cannot contain control characters.
    let key = BEYOND_ASCII.replace(char::is_control, "");
    let mut entry = dead("https://api.example/orders/1", 422, Reason::Rejected);
    entry.request.uri =
        format!("https://api.example/orders/{BEYOND_ASCII}?q={BEYOND_ASCII}").parse().unwrap();
    entry.order_key = Some(OrderKey::new(format!("orders/{key}")).unwrap());
    entry.dedup_key = Some(key.into());
    let note = HeaderValue::from_bytes(BEYOND_ASCII.as_bytes()).unwrap();
    entry.request.headers.insert("x-note", note);
    entry.request.body = format!("{{\"a\":\"{BEYOND_ASCII}\"}}{CONTROLS}").into();
    for attempt in &mut entry.attempts {
        attempt.fault = Some(CONTROLS.into());
    }
    let id = entry.id;
    fixture.store.enqueue(vec![entry]).await.unwrap();
    id
}

#[tokio::test]
async fn tables_and_details_escape_control_characters() {
    let fixture = StoreFixture::empty().await;
    let id = stored(&fixture).await.to_string();
    for arguments in [
        &["dead", "show", &id][..],
        &["dead", "show", &id, "--reveal"],
        &["dead", "list"],
        &["dead", "list", "--reveal"],
        &["dead", "edit", &id, "--url", "https://b.example/"],
        &["dead", "edit", &id, "--body-file", CONTROLS],
        &["dead", "edit", &id, "--header", CONTROLS],
        &["dead", "show", CONTROLS],
        &["dead", "export", "--out", &format!("/nowhere/{CONTROLS}")],
        &["doctor", "--store", &format!("sqlite:/nowhere/{CONTROLS}")],
        &["parked", "list", "--checkpoint", CONTROLS],
        &["upsert", "--url", "http://h/{id}", "--token-file", CONTROLS],
        &["upsert", "--url", "http://h/{id}", "--input", CONTROLS],
        &["upsert", "--url", CONTROLS],
    ] {
        let ran = fixture.run(arguments);
        is_harmless(&ran);
        assert!(ran.stdout.len() + ran.stderr.len() > 0, "{arguments:?}");
    }
    let shown = fixture.run(&["dead", "show", &id, "--reveal"]).stdout;
    assert!(shown.contains("https://b.example/"), "{shown}");
    let noted = fixture.run(&["dead", "edit", &id, "--url", "https://c.example/"]).stderr;
    assert!(noted.contains("the order key is still orders/2J\\u{202e}\\u{2066}\\u{200e}"), "{noted}");
}

#[tokio::test]
async fn json_escapes_control_characters_and_keeps_the_text() {
    let fixture = StoreFixture::empty().await;
    let id = stored(&fixture).await.to_string();
    let parsed = |arguments: &[&str]| -> Value {
        let ran = fixture.run(arguments);
        is_harmless(&ran);
        serde_json::from_str(if ran.stdout.is_empty() { &ran.stderr } else { &ran.stdout }).unwrap()
    };
    for arguments in [&["dead", "show", &id, "--reveal", "--json"][..], &["dead", "export"]] {
        let shown = parsed(arguments);
        assert_eq!(shown["attempts"][0]["fault"], CONTROLS);
        assert_eq!(shown["entry"]["dedup_key"], BEYOND_ASCII.replace(char::is_control, ""));
        assert_eq!(shown["revisions"][0]["body"], format!("{{\"a\":\"{BEYOND_ASCII}\"}}{CONTROLS}"));
    }
    assert_eq!(
        parsed(&["dead", "list", "--json"])["entries"][0]["order_key"],
        format!("orders/{}", BEYOND_ASCII.replace(char::is_control, ""))
    );
    let error = parsed(&["doctor", "--json", "--store", &format!("sqlite:/nowhere/{CONTROLS}")]);
    assert!(error["error"]["message"].as_str().unwrap().contains(CONTROLS), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn upsert_escapes_control_characters_of_responses() {
    let sync = SyncFixture::new().await;
    let server = Server::with(|_| Reply::status(422).body(CONTROLS)).await.unwrap();
    sync.orders(1);
    let url = server.uri("/orders/").to_string() + "{business_id}";
    let upsert =
        |more: &[&str]| run(sync.martello(&["upsert", "--url", &url, "--input", "orders.ndjson"], more));
    is_harmless(&upsert(&[]));
    let ran = upsert(&["--report", "-"]);
    is_harmless(&ran);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["body"], CONTROLS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn poll_escapes_control_characters_of_items() {
    let sync = SyncFixture::new().await;
    let item =
        format!(r#"{{"id":"{BEYOND_ASCII}","updated_at":"2026-01-01T00:00:00Z","by":"{BEYOND_ASCII}"}}"#);
    let body = format!(r#"{{"data":[{item}]}}"#);
    let reply = Reply::ok().header("date", "Tue, 01 Dec 2026 08:00:00 GMT").body(body);
    let server = Server::with(move |_| reply.clone()).await.unwrap();
    let url = server.uri("/things").to_string() + "?since={since}";
    let first = ["poll", "--url", &url, "--checkpoint", "c", "--once"];
    let ran = run(sync.martello(&first, &[]));
    is_harmless(&ran);
    assert_eq!(
        serde_json::from_str::<Value>(&ran.stdout).unwrap(),
        serde_json::from_str::<Value>(&item).unwrap()
    );

    let first = ["poll", "--url", &url, "--checkpoint", "d", "--once", "--print", CONTROLS];
    is_harmless(&run(sync.martello(&first, &[])));
    let mut command = bare();
    command.args(["parked", "list", "--checkpoint", "d"]).current_dir(sync.directory.path());
    let ran = run(command);
    assert!(ran.stdout.contains("\\u{202e}"), "{ran:?}");
    is_harmless(&ran);
}
