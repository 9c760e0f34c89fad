//! Reads of files, pipes and commands are bounded in bytes and in time, and a signal ends them.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    pipes::mkfifo,
    support::{RunResult, StoreFixture},
    sync::{SyncFixture, run, terminate, within},
};

/// Waits this many seconds for the command to exit, then kills it.
async fn ended(child: Child, seconds: u64) -> RunResult {
    let (pid, began) = (child.id(), Instant::now());
    let waited = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = tokio::time::timeout(Duration::from_secs(seconds), waited).await;
    if output.is_err() {
        Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    }
    assert!(output.is_ok(), "it has not ended after {:?}", began.elapsed());
    RunResult::from(output.unwrap().unwrap())
}

#[tokio::test]
async fn an_empty_body_requires_allow_empty_body() {
    let (fixture, ids) = StoreFixture::filled().await;
    let id = ids[0].to_string();
    let empty = fixture.path("empty");
    fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let why = "is empty: check what writes it, or add --allow-empty-body";
    fixture.run(&["dead", "edit", &id, "--body-file", "-"]).fails(2, &format!("standard input {why}"));
    fixture.run(&["dead", "edit", &id, "--body-file", empty]).fails(2, &format!("{empty} {why}"));
    assert_eq!(fixture.store.entry(ids[0]).await.unwrap().unwrap().revision, 1);
    let output = fixture.json(&["dead", "edit", &id, "--body-file", "-", "--allow-empty-body"]);
    assert_eq!(output["revision"], 2);
    // An explicit empty body needs no confirmation.
    assert_eq!(fixture.run(&["dead", "edit", &ids[1].to_string(), "--body", ""]).code, 0);
    assert_eq!(fixture.run(&["dead", "show", &id, "--body"]).stdout, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rejects_a_pipe_as_checkpoint() {
    let sync = SyncFixture::new().await;
    mkfifo(&sync.path("checkpoint"));
    let child = sync.poll(&["--once"]).spawn().unwrap();
    ended(child, 5).await.fails(2, "checkpoint is not a regular file");
    let child = sync.martello(&["parked", "list", "--checkpoint", "checkpoint"], &[]).spawn().unwrap();
    ended(child, 5).await.fails(2, "checkpoint is not a regular file");
    fs::remove_file(sync.path("checkpoint")).unwrap();
    mkfifo(&sync.path("checkpoint.parked"));
    let child = sync.martello(&["parked", "list", "--checkpoint", "checkpoint"], &[]).spawn().unwrap();
    ended(child, 5).await.fails(7, "failed to read or change the parked items");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bounds_the_size_of_a_token_file() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    fs::write(sync.path("long"), "t".repeat(64 * 1024 + 1)).unwrap();
    let refused = async |name: &str, message: &str| {
        let child = sync.upsert(&["--token-file", name]).spawn().unwrap();
        ended(child, 15).await.fails(7, message);
    };
    refused("long", "longer than 64 KiB").await;
    refused(".", "not a regular file or pipe").await;
    let zeros = sync.path("zeros");
    if Command::new("mknod").arg(&zeros).args(["c", "1", "5"]).status().unwrap().success() {
        // Reading all of it would exhaust the memory.
        let child = limited(&sync.upsert(&["--token-file", "zeros"])).spawn().unwrap();
        ended(child, 15).await.fails(7, "not a regular file or pipe");
    }
}

/// The command with at most 2 GB of memory.
fn limited(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 2000000; exec \"$0\" \"$@\""]);
    shell.arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        shell.current_dir(directory);
    }
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reads_a_token_from_a_pipe_with_a_timeout() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    let pipe = sync.path("pipe");
    mkfifo(&pipe);
    let writer = {
        let pipe = pipe.clone();
        thread::spawn(move || OpenOptions::new().write(true).open(pipe).unwrap().write_all(b"token\n"))
    };
    let child = sync.upsert(&["--token-file", "pipe"]).spawn().unwrap();
    assert_eq!(ended(child, 15).await.code, 0);
    writer.join().unwrap().unwrap();
    let child = sync.upsert(&["--token-file", "pipe"]).spawn().unwrap();
    ended(child, 15).await.fails(7, "nothing was written to token file pipe within 10 s");
}

fn is_running(pid: &str) -> bool {
    // A process that has exited stays a zombie until its parent waits for it.
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// A token command that prints nothing and starts a child that would remain.
const STUCK: &str = "sleep 40 & echo $! > child; wait";

async fn child_of(sync: &SyncFixture) -> String {
    let text = || fs::read_to_string(sync.path("child")).unwrap_or_default();
    within(async || text().ends_with('\n')).await;
    text().trim().to_owned()
}

async fn is_gone(pid: &str) {
    within(async || !is_running(pid)).await;
}

/// Kills the processes that a failed test leaves.
struct Ended(String);

impl Drop for Ended {
    fn drop(&mut self) {
        if is_running(&self.0) {
            let _ = Command::new("kill").args(["-9", &self.0]).status();
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_command_that_times_out_is_killed_with_its_children() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    let child = sync.upsert(&["--token-command", STUCK]).spawn().unwrap();
    let left = Ended(child_of(&sync).await);
    ended(child, 15).await.fails(7, "the token command took longer than 10 s");
    assert!(!is_running(&left.0));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_signal_ends_the_wait_for_a_token_command_and_the_command() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    for verb in ["upsert", "poll"] {
        let _ = fs::remove_file(sync.path("child"));
        let arguments = ["--token-command", STUCK];
        let mut command = if verb == "upsert" { sync.upsert(&arguments) } else { sync.poll(&arguments) };
        let child = command.spawn().unwrap();
        let left = Ended(child_of(&sync).await);
        terminate(&child);
        assert_eq!(ended(child, 2).await.code, 130, "{verb}");
        is_gone(&left.0).await;
    }
}

/// The first token expires soon, and the second never arrives.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_signal_ends_the_wait_for_another_token() {
    let sync = SyncFixture::of(martello_planner::Planner::builder().latency(Duration::from_millis(20))).await;
    sync.orders(2_000);
    let token = "echo '{\"access_token\":\"t\",\"expires_in\":1}'";
    let command = format!("if test -e first; then {STUCK}; else touch first; {token}; fi");
    let child = sync.upsert(&["--token-command", &command, "--journal", "journal"]).spawn().unwrap();
    let left = Ended(child_of(&sync).await);
    terminate(&child);
    assert_eq!(ended(child, 2).await.code, 130);
    is_gone(&left.0).await;
    // The next run sends the remaining requests.
    fs::remove_file(sync.path("first")).unwrap();
    let ran = run(sync.upsert(&["--token-command", "echo t", "--journal", "journal"]));
    assert_eq!((ran.code, sync.planner.entities().len()), (0, 2_000), "{ran:?}");
}
