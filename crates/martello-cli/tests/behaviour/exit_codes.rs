//! Temporary failures exit with 5, permanent ones with 7.

use std::{
    io::{Read, Write},
    net::TcpListener,
    time::Duration,
};

use martello_testkit::{Reply, Server};
use tokio::time::Instant;

use crate::{
    support::{RunResult, bare},
    sync::{SyncFixture, run},
};

/// Runs one pass against a server with this reply. Also returns how long it took.
async fn once(reply: Reply, more: &'static [&'static str]) -> (RunResult, Duration) {
    let server = Server::with(move |_| reply.clone()).await.unwrap();
    let url = server.uri("/things").to_string();
    tokio::task::spawn_blocking(move || once_at(&url, more)).await.unwrap()
}

fn once_at(url: &str, more: &[&str]) -> (RunResult, Duration) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = bare();
    command.args(["poll", "--url", &format!("{url}?since={{since}}"), "--checkpoint", "c", "--once"]);
    command.args(more).current_dir(directory.path());
    let began = Instant::now();
    (run(command), began.elapsed())
}

/// Answers every connection with these bytes. Returns the port.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(bytes);
                // Keeps the connection open until the client has read the reply.
                let _ = stream.read(&mut request);
            });
        }
    });
    port
}

const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// The TLS alert that a server sends for plain HTTP.
const ALERT: &[u8] = &[0x15, 3, 3, 0, 2, 2, 70];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn permanent_page_errors_exit_with_7() {
    let (loops, _) = once(Reply::ok().body(r#"{"data":[],"cursor":{"next":"b"}}"#), &[]).await;
    loops.fails_late(7, "its cursors form a loop");
    let link = "<http://other.example/next>; rel=\"next\"";
    let (strays, _) = once(Reply::ok().header("link", link).body("[]"), &["--link"]).await;
    strays.fails_late(7, "is on another origin than the first page");
    let (large, _) = once(Reply::ok().declare_length(100 << 20), &[]).await;
    large.fails_late(7, "is larger than");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn missing_credentials_exit_with_7() {
    let sync = SyncFixture::new().await;
    sync.orders(50);
    let server = Server::with(|_| Reply::status(401)).await.unwrap();
    let url = server.uri("/orders/").to_string() + "{business_id}";
    let ran = run(sync.martello(&["upsert", "--url", &url, "--input", "orders.ndjson"], &[]));
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(
        ran.stderr.contains("the server requires credentials") && ran.stderr.contains("--token-env"),
        "{ran:?}"
    );
    assert!(server.requests().len() < 20, "it does not go through all orders");
    let (ran, _) = once(Reply::status(401), &[]).await;
    ran.fails_late(7, "the server requires credentials");
}

#[test]
fn reports_a_scheme_that_the_port_does_not_speak() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("orders.ndjson"), "{\"id\":1}\n{\"id\":2}\n").unwrap();
    for (url, message) in [
        (format!("https://127.0.0.1:{}/", answering(PLAIN)), "does not speak TLS"),
        (format!("http://127.0.0.1:{}/", answering(ALERT)), "does not speak HTTP"),
    ] {
        let mut command = bare();
        command.args(["upsert", "--url", &format!("{url}{{id}}"), "--input", "orders.ndjson"]);
        let ran = run({
            command.current_dir(directory.path());
            command
        });
        assert_eq!(ran.code, 7, "{ran:?}");
        assert!(ran.stderr.contains(message), "{ran:?}");
        let (ran, _) = once_at(&url, &[]);
        ran.fails_late(7, message);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_rejection_with_retry_after_exits_with_5() {
    let (ran, _) = once(Reply::status(403).header("retry-after", "1"), &[]).await;
    assert_eq!(ran.code, 5, "{ran:?}");
    let (ran, took) = once(Reply::status(403).header("retry-after", "3600"), &[]).await;
    assert!(ran.code == 5 && took < Duration::from_secs(20), "{took:?}: {ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_pass_reports_a_long_retry_after_and_exits() {
    for status in [429, 503] {
        let reply = Reply::status(status).header("retry-after", "3600");
        let (ran, took) = once(reply, &["--attempts", "1"]).await;
        assert!(took < Duration::from_secs(20), "{took:?}");
        ran.fails_late(5, "the server asks to wait until 20");
    }
    let ran = RunResult::from(bare().args(["poll", "--help"]).output().unwrap());
    assert!(ran.stdout.contains("waits at most one minute"), "{ran:?}");
}
