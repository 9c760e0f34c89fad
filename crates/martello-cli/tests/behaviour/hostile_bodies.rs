//! Bodies that are expensive to format are shown and edited within limits of time and memory.

use std::{io::Write, process::Command};

use bytes::Bytes;
use martello_outbox::{EntryId, Reason};

use crate::support::{RunResult, StoreFixture, dead};

const MIB: usize = 1 << 20;
/// The maximum output for a body: 8 KiB, and the escapes and indents that each line adds.
const MOST_SHOWN: usize = 64 * 1024;

async fn stored(fixture: &StoreFixture, body: impl Into<Bytes>) -> EntryId {
    let mut entry = dead("https://api.example/orders/1", 422, Reason::Rejected);
    entry.request.body = body.into();
    let id = entry.id;
    fixture.store.enqueue(vec![entry]).await.unwrap();
    id
}

/// Runs the command with limits for processor time in seconds and address space in KiB.
fn bounded(fixture: &StoreFixture, seconds: u32, kib: u32, arguments: &[&str]) -> RunResult {
    let mut command = Command::new("sh");
    let limits = format!("ulimit -t {seconds} && ulimit -v {kib} && exec \"$0\" \"$@\"");
    command.args(["-c", &limits, env!("CARGO_BIN_EXE_martello")]).args(arguments);
    RunResult::from(command.env("MARTELLO_STORE", &fixture.named).output().unwrap())
}

/// Deeply nested bodies. If each level were indented, 1 MiB would become 500 GB.
fn deep() -> [(&'static str, String); 4] {
    let nested = |open: &str, close: &str| {
        let levels = MIB / (open.len() + close.len());
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    };
    [
        ("arrays", nested("[", "]")),
        ("objects", nested("{\"a\":", "}")),
        ("arrays that do not end", "[".repeat(MIB)),
        ("objects that do not end", "{\"a\":".repeat(MIB / 5)),
    ]
}

#[tokio::test]
async fn shows_a_deep_body_in_bounded_time_and_memory() {
    let fixture = StoreFixture::empty().await;
    for (what, body) in deep() {
        let id = stored(&fixture, body.clone()).await.to_string();
        let ran = bounded(&fixture, 5, 1 << 20, &["dead", "show", &id]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{what}");
        assert!(
            ran.stdout
                .ends_with(&format!("  … (body of {} bytes; add --body to write all of it)\n", body.len())),
            "{what}"
        );
        assert!(ran.stdout.len() < MOST_SHOWN, "{what}: {}", ran.stdout.len());
        let ran = bounded(&fixture, 5, 1 << 20, &["dead", "show", &id, "--json"]);
        let shown: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(shown["revisions"][0]["body"], body, "{what}");
    }
}

#[tokio::test]
async fn shows_a_large_body_in_bounded_time_and_memory() {
    let fixture = StoreFixture::empty().await;
    let large = [
        ("a string", format!("{{\"a\":\"{}\"}}", "x".repeat(16 * MIB))),
        ("escapes", format!("{{\"a\":\"{}\"}}", "\u{9b}".repeat(8 * MIB))),
        ("many fields", format!("{{{}\"z\":0}}", "\"a\":1,".repeat(2 * MIB))),
        ("no JSON", "\u{1b}".repeat(16 * MIB)),
    ];
    for (what, body) in large {
        let id = stored(&fixture, body.clone()).await.to_string();
        let ran = bounded(&fixture, 5, 1 << 20, &["dead", "show", &id]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{what}");
        assert!(ran.stdout.len() < MOST_SHOWN, "{what}: {}", ran.stdout.len());
    }
}

/// `edit` checks whether such a body is JSON.
#[tokio::test]
async fn edits_a_deep_body_in_bounded_time_and_memory() {
    let fixture = StoreFixture::empty().await;
    for (what, body) in deep() {
        let id = stored(&fixture, "{}").await.to_string();
        let path = fixture.path("body");
        std::fs::File::create(&path).unwrap().write_all(body.as_bytes()).unwrap();
        let ran =
            bounded(&fixture, 5, 1 << 20, &["dead", "edit", &id, "--body-file", path.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{what}: {ran:?}");
    }
}
