use std::time::{Duration, SystemTime};

use martello_planner::{Faults, Planner, Planning};
use martello_testkit::{Reply, Server};

use crate::sync::{SyncFixture, run, sorted};

fn release(sync: &SyncFixture, ids: std::ops::Range<u32>) -> Vec<String> {
    let now = sync.planner.now();
    let ids: Vec<String> = ids.map(|id| format!("p-{id:03}")).collect();
    for id in &ids {
        // All stamps are the same.
        sync.planner.release(Planning::new(id, now, now));
    }
    ids
}

fn printed(stdout: &str) -> Vec<String> {
    sorted(stdout).iter().map(|line| line.split('"').nth(3).unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_pass_prints_new_items_only() {
    let sync = SyncFixture::of(Planner::builder().seed(3).faults(Faults::bad_network())).await;
    let first = release(&sync, 0..120);
    let ran = run(sync.poll(&["--once", "--attempts", "12"]));
    assert_eq!((ran.code, ran.stderr.as_str(), printed(&ran.stdout)), (0, "", first));
    // A late item: its stamp is older than the watermark.
    let second = release(&sync, 200..201);
    let ran = run(sync.poll(&["--once", "--attempts", "12"]));
    assert_eq!((ran.code, printed(&ran.stdout)), (0, second));
    let ran = run(sync.poll(&["--once", "--attempts", "12"]));
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reports_why_it_cannot_continue() {
    let sync = SyncFixture::new().await;
    assert_eq!(run(sync.poll(&["--once"])).code, 0);
    run(sync.poll(&["--once", "--key", "number"]))
        .fails(7, "belongs to another source, with another URL, other filters or other headers");
    let ran = run(sync.poll(&["--once", "--key", "number", "--resync"]));
    assert!(ran.code == 0 && ran.stderr.contains("requesting everything"), "{ran:?}");
    let text = std::fs::read_to_string(sync.path("checkpoint")).unwrap();
    std::fs::write(sync.path("checkpoint"), &text[..text.len() / 2]).unwrap();
    run(sync.poll(&["--once"])).fails(7, "the checkpoint cannot be used");
    std::fs::remove_file(sync.path("checkpoint")).unwrap();
    sync.planner.break_down();
    let ran = run(sync.poll(&["--once", "--attempts", "1"]));
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(
        ran.stderr.contains("the server answered page 1 with status 503")
            && ran.stderr.contains("; retrying in "),
        "{ran:?}"
    );
    let ran = run(sync.martello(&["poll", "--url", "http://x/", "--checkpoint", "c"], &[]));
    ran.fails(2, "exactly one query parameter must have the value {since}");
}

async fn once(reply: Reply) -> crate::support::RunResult {
    once_with(reply, &[]).await
}

async fn once_with(reply: Reply, more: &'static [&'static str]) -> crate::support::RunResult {
    let server = Server::with(move |_| reply.clone()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = server.uri("/things").to_string() + "?since={since}";
    let mut command = crate::support::bare();
    command
        .args(["poll", "--url", &url, "--checkpoint", "c", "--once"])
        .args(more)
        .current_dir(directory.path());
    tokio::task::spawn_blocking(|| run(command)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reports_the_page_of_an_invalid_response() {
    let html = once(Reply::ok().body("<html>")).await;
    html.fails_late(7, "failed to parse page 1");
    let shape = once(Reply::ok().body(r#"{"items":[]}"#)).await;
    shape.fails_late(7, "the list is missing");
    let denied = once(Reply::status(403).body("no")).await;
    denied.fails_late(7, "the server answered page 1 with status 403: no");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn parks_an_item_without_a_key_or_a_stamp_and_continues() {
    let now = httpdate(SystemTime::now());
    let body = r#"{"data":[{"id":"a","updated_at":"2026-01-01T00:00:00Z"},{"updated_at":"2026-01-01T00:00:00Z"},
        {"id":"c"},{"id":"d","updated_at":"yesterday"},{"id":7,
         "updated_at":"2026-01-01T00:00:00+01:00"}]}"#;
    let ran = once(Reply::ok().header("date", now).body(body)).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let expected = "{\"id\":\"a\",\"updated_at\":\"2026-01-01T00:00:00Z\"}\n{\"id\":7,         \"updated_at\":\"2026-01-01T00:00:00+01:00\"}\n";
    assert_eq!(ran.stdout, expected);
    let output = "martello: page 1, item 1: the key is missing; parked\n\
                martello: page 1, item 2: the stamp is missing; parked\n\
                martello: page 1, item 3: the stamp is not an RFC 3339 timestamp; parked\n";
    assert_eq!(ran.stderr, output);
}

fn httpdate(_: SystemTime) -> String {
    "Thu, 01 Jan 2026 00:00:10 GMT".to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn follows_links_and_sends_a_page_size() {
    let server = Server::with(|request| match request.uri.to_string().as_str() {
        "/things?per_page=1&since=2026-01-01T00%3A00%3A00.000Z" => Reply::ok()
            .header("link", "</next>; rel=\"next\"")
            .body(r#"[{"id":1,"updated_at":"2026-01-02T00:00:00Z"}]"#),
        "/next" => Reply::ok().body(r#"[{"id":2,"updated_at":"2026-01-02T00:00:00Z"}]"#),
        other => Reply::status(404).body(other.to_owned()),
    })
    .await
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = server.uri("/things").to_string() + "?since={since}";
    let mut command = crate::support::bare();
    command
        .args(["poll", "--url", &url, "--checkpoint", "c", "--once", "--link", "--page-size", "per_page=1"])
        .args(["--from", "2026-01-01T00:00Z", "--print", "id"])
        .current_dir(directory.path());
    let ran = run(command);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "1\n2\n", ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_rejected_token_ends_the_poll_and_a_new_one_resumes() {
    let hour = Duration::from_secs(3_600);
    let sync = SyncFixture::of(Planner::builder().tokens("client", "s3cret", hour)).await;
    let ids = release(&sync, 0..3);
    let token = sync.planner.issue_token().unwrap();
    std::fs::write(sync.path("token"), &token).unwrap();
    let ran = run(sync.poll(&["--once", "--token-file", "token"]));
    assert_eq!((ran.code, printed(&ran.stdout)), (0, ids));
    sync.planner.revoke_tokens();
    let ran = run(sync.poll(&["--once", "--token-file", "token"]));
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.stderr.contains("rejects the token (401)") && !ran.stderr.contains(&token), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn encodes_parameter_names_once() {
    let first = "/things?page%5Bsize%5D=2&filter%5Bupdated_after%5D=2026-01-01T00%3A00%3A00.000Z";
    let second = format!("{first}&page%5Bafter%5D=b");
    let server = Server::with(move |request| match request.uri.to_string() {
        uri if uri == first => Reply::ok()
            .body(r#"{"data":[{"id":1,"updated_at":"2026-01-02T00:00:00Z"}],"cursor":{"next":"b"}}"#),
        uri if uri == second => {
            Reply::ok().body(r#"{"data":[{"id":2,"updated_at":"2026-01-02T00:00:00Z"}]}"#)
        }
        other => Reply::status(404).body(other),
    })
    .await
    .unwrap();
    for (n, [since, size, cursor]) in [
        ["filter[updated_after]", "page[size]=2", "page[after]"],
        ["filter%5Bupdated_after%5D", "page%5Bsize%5D=2", "page%5Bafter%5D"],
    ]
    .into_iter()
    .enumerate()
    {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("{}?{since}={{since}}", server.uri("/things"));
        let mut command = crate::support::bare();
        command
            .args(["poll", "--url", &url, "--checkpoint", "c", "--once", "--page-size", size])
            .args(["--from", "2026-01-01T00:00Z", "--print", "id", "--cursor-parameter", cursor])
            .current_dir(directory.path());
        let ran = run(command);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "1\n2\n", ""), "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn null_is_an_error_without_null_is_empty() {
    let limited = || Reply::ok().body(r#"{"code":99991400,"msg":"frequency limit","data":null}"#);
    let ran = once(limited()).await;
    ran.fails_late(7, "failed to parse page 1");
    let ran = once_with(limited(), &["--null-is-empty"]).await;
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    let ran = once_with(Reply::ok().body("null"), &["--null-is-empty", "--link"]).await;
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_tenant_is_another_source_but_another_api_key_is_not() {
    let server = Server::with(|request| {
        let tenant = request.headers.get("x-tenant").unwrap().to_str().unwrap().to_owned();
        Reply::ok().body(format!(r#"{{"data":[{{"id":"{tenant}","updated_at":"2026-01-02T00:00:00Z"}}]}}"#))
    })
    .await
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = server.uri("/things").to_string() + "?since={since}";
    let poll = |tenant: &str, key: &str, more: &[&str]| {
        let mut command = crate::support::bare();
        command.args(["poll", "--url", &url, "--checkpoint", "c", "--once", "--print", "id"]).args(more);
        command.args(["--header", &format!("x-tenant: {tenant}"), "--header-env", "x-api-key=THINGS_KEY"]);
        command.env("THINGS_KEY", key).current_dir(directory.path());
        run(command)
    };
    assert_eq!(poll("A", "1", &[]).stdout, "\"A\"\n");
    let ran = poll("A", "2", &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    poll("B", "2", &[])
        .fails(7, "belongs to another source, with another URL, other filters or other headers");
    let text = std::fs::read_to_string(directory.path().join("c")).unwrap();
    assert!(!text.contains("x-tenant"), "{text}");
    assert_eq!(poll("B", "2", &["--resync"]).stdout, "\"B\"\n");
}

/// The values of `since` in the requests. `answer` gives the reply to each request by its number.
async fn asked_from(answer: impl Fn(usize) -> Reply + Send + 'static, runs: &[(i32, &str)]) -> Vec<String> {
    let mut n = 0..;
    let server = Server::with(move |_| answer(n.next().unwrap())).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = server.uri("/things").to_string() + "?since={since}";
    for (code, stdout) in runs {
        let mut command = crate::support::bare();
        command.args(["poll", "--url", &url, "--checkpoint", "c", "--once", "--attempts", "1"]);
        command.args(["--from", "1h", "--print", "id"]).current_dir(directory.path());
        let ran = run(command);
        assert_eq!((ran.code, ran.stdout.as_str()), (*code, *stdout), "{ran:?}");
    }
    let moment =
        |query: &str| query.split('&').find_map(|pair| pair.strip_prefix("since=").map(str::to_owned));
    server.requests().iter().map(|request| moment(request.uri.query().unwrap()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_age_in_from_counts_from_the_first_run() {
    let list = |id: u32, next: &str| {
        let item = format!(r#"{{"id":{id},"updated_at":"2026-01-02T00:00:00Z"}}"#);
        Reply::ok().body(format!(r#"{{"data":[{item}],"cursor":{{"next":"{next}"}}}}"#))
    };
    let answer = move |n| match n {
        0 => list(1, "b"),
        1 => Reply::status(422),
        2 => list(1, "b"),
        _ => list(2, ""),
    };
    let asked = asked_from(answer, &[(7, "1\n"), (0, "2\n")]).await;
    assert_eq!(asked, vec![asked[0].clone(); 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_a_forgotten_range_from_the_first_start() {
    let empty = || Reply::ok().header("date", "Thu, 01 Jan 2026 00:00:10 GMT").body(r#"{"data":[]}"#);
    let answer = move |n| if n == 1 { Reply::status(410) } else { empty() };
    let asked = asked_from(answer, &[(0, ""), (0, "")]).await;
    assert_eq!((asked.len(), &asked[2]), (3, &asked[0]));
    // A little less than the overlap before `Date`.
    assert!(asked[1].starts_with("2025-12-31T23%3A58%3A"), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_list_of_the_same_responses_is_another_source() {
    let item = |id: &str| format!(r#"[{{"id":"{id}","updated_at":"2026-01-02T00:00:00Z"}}]"#);
    let all = format!(r#"{{"changed":{},"gone":{}}}"#, item("c"), item("g"));
    let server = Server::with(move |request| match request.uri.query() {
        None => Reply::ok().body(all.clone()),
        Some(_) => Reply::ok().body(r#"{"changed":[],"gone":[]}"#),
    })
    .await
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let url = server.uri("/sync").to_string() + "?since={since}";
    let poll = |items: &str, more: &[&str]| {
        let mut command = crate::support::bare();
        command.args(["poll", "--url", &url, "--checkpoint", "c", "--once", "--print", "id"]);
        command.args(["--items", items]).args(more).current_dir(directory.path());
        run(command)
    };
    assert_eq!(poll("changed", &[]).stdout, "\"c\"\n");
    assert_eq!(poll("/changed", &[]).code, 0, "it is the same list");
    poll("gone", &[]).fails(7, "another source");
    assert_eq!(poll("gone", &["--resync"]).stdout, "\"g\"\n");
}
