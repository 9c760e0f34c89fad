//! The command exits within two seconds of SIGINT or SIGTERM, whatever it waits for.

use std::{
    fs::File,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use martello_outbox::{Reason, State};
use martello_testkit::{Reply, Server};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::{
    support::{RunResult, StoreFixture, bare, dead},
    sync::{SyncFixture, run, within},
};

const SIGNALS: [Signal; 2] = [Signal::INT, Signal::TERM];
const PROMPTLY: Duration = Duration::from_secs(2);

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Sends the signal, and asserts that the command exits in time with code 130.
async fn end(child: Child, signal: Signal) -> RunResult {
    tokio::time::sleep(Duration::from_millis(400)).await;
    kill_process(Pid::from_child(&child), signal).unwrap();
    let began = Instant::now();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(130), "{signal:?}: {output:?}");
    assert!(began.elapsed() < PROMPTLY, "{signal:?}: {:?}", began.elapsed());
    RunResult::from(output)
}

fn later() -> Reply {
    Reply::status(503).header("retry-after", "25")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn upsert_stops_during_a_retry_or_a_response_and_resumes() {
    for signal in SIGNALS {
        for reply in [later(), Reply::silence()] {
            let sync = SyncFixture::new().await;
            let orders = sync.orders(20);
            let server = Server::with(move |_| reply.clone()).await.unwrap();
            let url = server.uri("/orders/").to_string() + "{business_id}";
            let kept = ["--report", "out.ndjson", "--concurrency", "3"];
            let first = ["upsert", "--url", &url, "--input", "orders.ndjson", "--journal", "j"];
            let child = start(sync.martello(&first, &kept));
            server.received(1).await;
            let ran = end(child, signal).await;
            assert!(
                ran.stderr.ends_with("run the same command again to resume from its journal\n"),
                "{ran:?}"
            );
            // The report includes the requests that were aborted.
            assert_eq!(sync.lines("out.ndjson").iter().filter(|line| line["attempts"] != 0).count(), 3);
            drop(server);
            assert_eq!(orders.lines().count(), 20);
        }
    }
}

/// Also if all rows are in flight, so that no row is left to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn upsert_stops_while_its_last_row_waits() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    let server = Server::with(|_| later()).await.unwrap();
    let url = server.uri("/orders/").to_string() + "{business_id}";
    let child =
        start(sync.martello(&["upsert", "--url", &url, "--input", "orders.ndjson"], &["--journal", "j"]));
    server.received(1).await;
    end(child, Signal::TERM).await;
    let url = sync.planner.uri("/orders/").to_string() + "{business_id}";
    let again = ["upsert", "--url", &url, "--input", "orders.ndjson"];
    assert_eq!(run(sync.martello(&again, &[])).code, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn poll_stops_while_it_waits_and_resumes() {
    let nothing = || Reply::ok().body(r#"{"data":[]}"#);
    for signal in SIGNALS {
        for reply in [later(), Reply::silence(), nothing()] {
            let server = Server::with(move |_| reply.clone()).await.unwrap();
            let directory = tempfile::tempdir().unwrap();
            let mut command = bare();
            let url = server.uri("/things").to_string() + "?since={since}";
            command.args(["poll", "--url", &url, "--checkpoint", "c"]).current_dir(directory.path());
            let child = start(command);
            server.received(1).await;
            let ran = end(child, signal).await;
            assert!(ran.stderr.contains("run the same command again to resume"), "{ran:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn stops_while_the_token_command_runs() {
    let sync = SyncFixture::new().await;
    sync.orders(1);
    for signal in SIGNALS {
        let arguments = ["--token-command", "touch asked; exec sleep 25"];
        for command in [sync.upsert(&arguments), sync.poll(&arguments)] {
            let child = start(command);
            within(async || sync.path("asked").exists()).await;
            std::fs::remove_file(sync.path("asked")).unwrap();
            end(child, signal).await;
        }
    }
}

#[tokio::test]
async fn stops_while_the_database_does_not_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = format!("postgres://martello@{}/orders", listener.local_addr().unwrap());
    for signal in SIGNALS {
        for verb in [["outbox", "stats"], ["dead", "list"]] {
            let mut command = bare();
            command.args(verb).args(["--store", &store]);
            let child = start(command);
            let _connected = listener.accept().unwrap();
            end(child, signal).await;
        }
    }
}

#[tokio::test]
async fn a_replay_continues_after_its_watch_stops() {
    for signal in SIGNALS {
        let (fixture, ids) = StoreFixture::filled().await;
        for arguments in [&["--all", "--yes"][..], &[&ids[0].to_string()]] {
            let child = start(fixture.command(&[&["dead", "replay", "--watch"], arguments].concat()));
            while fixture.state(ids[0]).await == State::Dead {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let ran = end(child, signal).await;
            assert!(ran.stderr.contains("the replay continues. To "), "{ran:?}");
            fixture.change(ids[0], martello_outbox::Change::DeadLetter).await;
        }
    }
}

/// The pipe is full and has no reader, so the command blocks on a write.
#[tokio::test]
async fn stops_while_its_output_is_blocked() {
    let fixture = StoreFixture::empty().await;
    let entries =
        (0..2_000).map(|at| dead(&format!("https://api.example/orders/{at}"), 422, Reason::Rejected));
    fixture.store.enqueue(entries.collect()).await.unwrap();
    for signal in SIGNALS {
        let mut command = fixture.command(&["dead", "list", "--limit", "1000", "--json"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(File::create(fixture.path("stderr")).unwrap())
            .spawn()
            .unwrap();
        let unread = child.stdout.take();
        end(child, signal).await;
        drop(unread);
    }
}

#[tokio::test]
async fn stops_at_a_confirmation_prompt() {
    use std::io::Read;
    for signal in SIGNALS {
        let (fixture, ids) = StoreFixture::filled().await;
        let (mut controller, terminal) = crate::editor::terminal();
        let mut command = fixture.command(&["dead", "purge", "--all"]);
        command.stdin(terminal.try_clone().unwrap()).stderr(terminal).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        drop(command);
        let (mut asked, mut some) = (String::new(), [0; 256]);
        while !asked.contains("Continue? [y/N]") {
            let read = controller.read(&mut some).unwrap();
            asked += std::str::from_utf8(&some[..read]).unwrap();
        }
        end(child, signal).await;
        assert_eq!(fixture.state(ids[0]).await, State::Dead);
    }
}
