use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use martello_outbox::Reason;
use serde_json::{Value, json};

use crate::support::{RunResult, StoreFixture, bare, dead};

#[tokio::test]
async fn exits_with_0_when_the_reader_closes_the_output() {
    let fixture = StoreFixture::empty().await;
    let entries =
        (0..1_000).map(|at| dead(&format!("https://api.example/orders/{at}"), 422, Reason::Rejected));
    fixture.store.enqueue(entries.collect()).await.unwrap();
    for arguments in [
        &["dead", "list", "--limit", "1000"][..],
        &["dead", "list", "--limit", "1000", "--json"],
        &["dead", "export"],
    ] {
        let mut command = fixture.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut head = String::new();
        let mut stdout = BufReader::with_capacity(16, child.stdout.take().unwrap());
        stdout.by_ref().take(64).read_line(&mut head).unwrap();
        drop(stdout);
        let ran = RunResult::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}

#[tokio::test]
async fn an_error_is_json_with_the_option_json() {
    let (fixture, ids) = StoreFixture::filled().await;
    let error = |ran: RunResult| -> Value {
        assert_eq!(ran.stdout, "", "{ran:?}");
        serde_json::from_str::<Value>(&ran.stderr).unwrap()["error"].take()
    };
    let conflict = error(fixture.run(&["dead", "replay", &ids[3].to_string(), "--json"]));
    let message = format!("entry {} is ready, but must be dead", ids[3]);
    assert_eq!(conflict, json!({"code": 4, "kind": "conflict", "message": message, "causes": []}));
    let usage = error(fixture.run(&["dead", "show", "17", "--json"]));
    assert_eq!((&usage["code"], &usage["kind"]), (&json!(2), &json!("usage")));
    let store = error(RunResult::from(
        bare().args(["doctor", "--json", "--store", "sqlite:/nowhere"]).output().unwrap(),
    ));
    assert_eq!((&store["code"], &store["kind"]), (&json!(3), &json!("store")));
}

#[test]
fn the_help_lists_the_exit_codes() {
    let ran = RunResult::from(bare().arg("--help").output().unwrap());
    assert_eq!(ran.code, 0);
    for code in ["0  success", "  1  ", "  2  ", "  3  ", "  4  ", "  7  ", "130  interrupted"] {
        assert!(ran.stdout.contains(code), "{code}: {ran:?}");
    }
    assert_eq!(RunResult::from(bare().arg("--version").output().unwrap()).code, 0);
    assert_eq!(RunResult::from(bare().output().unwrap()).code, 2);
}
