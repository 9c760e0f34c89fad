//! Tokens from wherever, and that nobody reads them.

use std::time::Duration;

use martello_testkit::planner::Planner;

use crate::{
    support::{Ran, Stage, bare},
    sync::{Site, run},
};

const HOUR: Duration = Duration::from_secs(3_600);
const COMMAND: &str = "echo run >> runs; cat token";

async fn guarded(lives: Duration) -> Site {
    Site::of(Planner::builder().latency(Duration::from_millis(10)).tokens("client", "s3cret", lives)).await
}

/// Puts a new token where the command finds it.
fn issue(site: &Site, shape: impl Fn(&str) -> String) -> String {
    let token = site.planner.issue_token().unwrap();
    std::fs::write(site.path("new"), shape(&token)).unwrap();
    std::fs::rename(site.path("new"), site.path("token")).unwrap();
    token
}

/// That nothing which was written has a token in it.
fn is_secret(site: &Site, ran: &Ran) {
    assert!(!ran.stdout.contains("token-") && !ran.stderr.contains("token-"), "{ran:?}");
    for entry in std::fs::read_dir(site.directory.path()).unwrap() {
        let entry = entry.unwrap();
        let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()).into_owned();
        assert!(entry.file_name() == "token" || !text.contains("token-"), "{:?}", entry.file_name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_comes_from_the_environment_or_a_file() {
    let site = guarded(HOUR).await;
    site.orders(3);
    let token = issue(&site, |token| format!("{token}\n"));
    let mut command = site.upsert(&["--token-env", "ORDERS_TOKEN"]);
    command.env("ORDERS_TOKEN", token);
    assert_eq!(run(command).code, 0);
    assert_eq!(run(site.upsert(&["--token-file", "token"])).code, 0);
    run(site.upsert(&["--token-env", "NO_TOKEN"])).fails(2, "no usable NO_TOKEN");
    run(site.upsert(&["--token-file", "nothing"])).fails(7, "the token file nothing cannot be read");
    run(site.upsert(&["--token-command", "echo s3cret; exit 3"]))
        .fails(7, "the token command failed: exit status: 3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn after_a_401_the_command_is_run_again_and_nothing_is_lost() {
    let site = guarded(HOUR).await;
    let orders = site.orders(200);
    issue(&site, str::to_owned);
    let arguments = ["--token-command", COMMAND, "--journal", "journal", "--report", "out.ndjson"];
    let child = site.upsert(&arguments).spawn().unwrap();
    site.received(40).await;
    // The server forgets the token, and the next one is there already.
    site.planner.revoke_tokens();
    issue(&site, str::to_owned);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    site.holds(&orders);
    assert_eq!(std::fs::read_to_string(site.path("runs")).unwrap().lines().count(), 2);
    is_secret(&site, &ran);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_is_renewed_before_it_expires() {
    let site = guarded(Duration::from_secs(2)).await;
    let orders = site.orders(1_200);
    let json = |token: &str| format!(r#"{{"access_token":"{token}","expires_in":1}}"#);
    issue(&site, json);
    let mut child = site.upsert(&["--token-command", COMMAND]).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        issue(&site, json);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    site.holds(&orders);
    assert!(std::fs::read_to_string(site.path("runs")).unwrap().lines().count() > 1);
    assert!(site.planner.exchanges().iter().all(|exchange| exchange.status != Some(401)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_that_is_refused_ends_the_run_and_is_not_shown() {
    let site = guarded(HOUR).await;
    site.orders(500);
    for arguments in
        [["--token-env", "ORDERS_TOKEN"], ["--token-file", "token"], ["--token-command", COMMAND]]
    {
        std::fs::write(site.path("token"), "token-forged").unwrap();
        let mut command = site.upsert(&arguments);
        command.args(["--journal", "journal", "--report", "out.ndjson"]).env("ORDERS_TOKEN", "token-forged");
        let ran = run(command);
        assert_eq!(ran.code, 7, "{ran:?}");
        assert!(ran.stderr.contains("refuses the token with 401"), "{ran:?}");
        is_secret(&site, &ran);
    }
    assert!(site.planner.exchanges().len() < 100, "it does not go through all orders");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_outbox_never_sees_a_token() {
    let (site, stage) = (guarded(HOUR).await, Stage::empty().await);
    site.orders(3);
    issue(&site, str::to_owned);
    site.planner.break_down();
    let ran = run(site.upsert(&["--token-file", "token", "--attempts", "1", "--outbox", &stage.named]));
    assert_eq!(ran.code, 0, "{ran:?}");
    let exported = run({
        let mut command = bare();
        command.args(["outbox", "list", "--reveal", "--json", "--store", &stage.named]);
        command
    });
    assert!(exported.code == 0 && exported.stdout.contains("DO-1"), "{exported:?}");
    stage.close().await;
    let file = std::fs::read(stage.path("outbox.db")).unwrap();
    assert!(!String::from_utf8_lossy(&file).contains("token-"));
}

#[test]
fn a_token_goes_nowhere_without_tls() {
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
    run(command).fails(2, "over https only");
}
