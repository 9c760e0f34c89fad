//! Tokens from the environment, files and commands, which appear in no output and no file.

use std::time::Duration;

use martello_planner::Planner;

use crate::{
    support::{RunResult, StoreFixture, bare},
    sync::{SyncFixture, run},
};

const HOUR: Duration = Duration::from_secs(3_600);
const COMMAND: &str = "echo run >> runs; cat token";

async fn guarded(lives: Duration) -> SyncFixture {
    SyncFixture::of(Planner::builder().latency(Duration::from_millis(10)).tokens("client", "s3cret", lives))
        .await
}

/// Writes a new token to the token file.
fn issue(sync: &SyncFixture, shape: impl Fn(&str) -> String) -> String {
    let token = sync.planner.issue_token().unwrap();
    std::fs::write(sync.path("new"), shape(&token)).unwrap();
    std::fs::rename(sync.path("new"), sync.path("token")).unwrap();
    token
}

/// Asserts that no output and no file contains a token.
fn is_secret(sync: &SyncFixture, ran: &RunResult) {
    assert!(!ran.stdout.contains("token-") && !ran.stderr.contains("token-"), "{ran:?}");
    for entry in std::fs::read_dir(sync.directory.path()).unwrap() {
        let entry = entry.unwrap();
        let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
        assert!(entry.file_name() == "token" || !text.contains("token-"), "{:?}", entry.file_name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reads_a_token_from_the_environment_or_a_file() {
    let sync = guarded(HOUR).await;
    sync.orders(3);
    let token = issue(&sync, |token| format!("{token}\n"));
    let mut command = sync.upsert(&["--token-env", "ORDERS_TOKEN"]);
    command.env("ORDERS_TOKEN", token);
    assert_eq!(run(command).code, 0);
    assert_eq!(run(sync.upsert(&["--token-file", "token"])).code, 0);
    run(sync.upsert(&["--token-env", "NO_TOKEN"])).fails(2, "environment variable NO_TOKEN is not set");
    run(sync.upsert(&["--token-file", "nothing"])).fails(7, "failed to read token file nothing");
    run(sync.upsert(&["--token-command", "echo s3cret; exit 3"]))
        .fails(7, "the token command failed: exit status: 3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn after_a_401_the_command_is_run_again_and_nothing_is_lost() {
    let sync = guarded(HOUR).await;
    let orders = sync.orders(200);
    issue(&sync, str::to_owned);
    let arguments = ["--token-command", COMMAND, "--journal", "journal", "--report", "out.ndjson"];
    let child = sync.upsert(&arguments).spawn().unwrap();
    sync.received(40).await;
    // The server revokes the token; the file already has the next one.
    sync.planner.revoke_tokens();
    issue(&sync, str::to_owned);
    let ran = RunResult::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    sync.holds(&orders);
    assert_eq!(std::fs::read_to_string(sync.path("runs")).unwrap().lines().count(), 2);
    is_secret(&sync, &ran);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn renews_a_token_before_it_expires() {
    let sync = guarded(Duration::from_secs(2)).await;
    let orders = sync.orders(1_200);
    let json = |token: &str| format!(r#"{{"access_token":"{token}","expires_in":1}}"#);
    issue(&sync, json);
    let mut child = sync.upsert(&["--token-command", COMMAND]).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        issue(&sync, json);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ran = RunResult::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    sync.holds(&orders);
    assert!(std::fs::read_to_string(sync.path("runs")).unwrap().lines().count() > 1);
    assert!(sync.planner.exchanges().iter().all(|exchange| exchange.status != Some(401)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_rejected_token_ends_the_run_and_stays_secret() {
    let sync = guarded(HOUR).await;
    sync.orders(500);
    for arguments in
        [["--token-env", "ORDERS_TOKEN"], ["--token-file", "token"], ["--token-command", COMMAND]]
    {
        std::fs::write(sync.path("token"), "token-forged").unwrap();
        let mut command = sync.upsert(&arguments);
        command.args(["--journal", "journal", "--report", "out.ndjson"]).env("ORDERS_TOKEN", "token-forged");
        let ran = run(command);
        assert_eq!(ran.code, 7, "{ran:?}");
        assert!(ran.stderr.contains("rejects the token (401)"), "{ran:?}");
        is_secret(&sync, &ran);
    }
    assert!(sync.planner.exchanges().len() < 100, "it does not go through all orders");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn stores_no_token_in_the_outbox() {
    let (sync, fixture) = (guarded(HOUR).await, StoreFixture::empty().await);
    sync.orders(3);
    issue(&sync, str::to_owned);
    sync.planner.break_down();
    let ran = run(sync.upsert(&["--token-file", "token", "--attempts", "1", "--outbox", &fixture.named]));
    assert_eq!(ran.code, 0, "{ran:?}");
    let exported = run({
        let mut command = bare();
        command.args(["outbox", "list", "--reveal", "--json", "--store", &fixture.named]);
        command
    });
    assert!(exported.code == 0 && exported.stdout.contains("DO-1"), "{exported:?}");
    fixture.close().await;
    let file = std::fs::read(fixture.path("outbox.db")).unwrap();
    assert!(!String::from_utf8_lossy(&file).contains("token-"));
}

#[test]
fn sends_no_token_without_tls() {
    let mut command = bare();
    command.args([
        "upsert",
        "--url",
        "http://api.example/{id}",
        "--input",
        "/dev/null",
        "--token-command",
        "echo t",
    ]);
    run(command).fails(2, "require https");
}
