//! Headers on the command line, and headers that must come from the environment.

use std::process::Command;

use martello_testkit::{Reply, Server};

use crate::{
    support::{StoreFixture, bare},
    sync::{SyncFixture, run},
};

/// Upserts one order to this server.
fn upsert(sync: &SyncFixture, server: &Server, more: &[&str]) -> Command {
    sync.orders(1);
    let url = server.uri("/orders/").to_string() + "{business_id}";
    sync.martello(&["upsert", "--url", &url, "--input", "orders.ndjson"], more)
}

async fn accepting_server() -> Server {
    Server::with(|_| Reply::status(201)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rejects_a_secret_header_on_the_command_line() {
    let (sync, server) = (SyncFixture::new().await, accepting_server().await);
    for name in [
        "authorization",
        "cookie",
        "x-api-key",
        "ocp-apim-subscription-key",
        "x-orders-token",
        "x-client-secret",
        "x-hub-signature",
    ] {
        let ran = run(upsert(&sync, &server, &["--header", &format!("{name}: s3cret")]));
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{name}: {ran:?}");
        assert!(ran.stderr.contains("--header-env") && !ran.stderr.contains("s3cret"), "{name}: {ran:?}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rejects_connection_and_framing_headers() {
    let (sync, server) = (SyncFixture::new().await, accepting_server().await);
    for line in [
        "content-length: 3",
        "Transfer-Encoding: chunked",
        "connection: close",
        "keep-alive: timeout=5",
        "te: trailers",
        "trailer: x-sum",
        "upgrade: h2c",
        "proxy-connection: keep-alive",
        "proxy-authorization: Basic eA==",
        "expect: 100-continue",
        "host: elsewhere.example",
    ] {
        let ran = run(upsert(&sync, &server, &["--header", line]));
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{line}: {ran:?}");
        let url = server.uri("/?a={since}").to_string();
        let first = ["poll", "--url", &url, "--checkpoint", "c", "--once", "--header", line];
        assert_eq!(run(sync.martello(&first, &[])).code, 2, "{line}");
    }
    assert_eq!(server.requests().len(), 0);
    let ran = run(upsert(&sync, &server, &["--header", "x-tenant: a", "--header", "idempotency-key: k"]));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(server.requests()[0].headers["x-tenant"], "a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reads_a_secret_header_from_the_environment_and_writes_it_to_no_file() {
    let (sync, server) = (SyncFixture::new().await, accepting_server().await);
    let more = ["--header-env", "X-Api-Key=ORDERS_KEY", "--journal", "journal", "--report", "report"];
    let mut command = upsert(&sync, &server, &more);
    command.env("ORDERS_KEY", "s3cret-1");
    assert_eq!(run(command).code, 0);
    assert_eq!(server.requests()[0].headers["x-api-key"], "s3cret-1");
    for name in ["journal", "report"] {
        assert!(!std::fs::read_to_string(sync.path(name)).unwrap().contains("s3cret"), "{name}");
    }
    // Another key is still the same run.
    let mut command = upsert(&sync, &server, &more);
    command.env("ORDERS_KEY", "s3cret-2");
    assert_eq!(run(command).code, 0);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn poll_sends_a_secret_header_with_each_request() {
    let sync = SyncFixture::new().await;
    let server = Server::with(|_| Reply::ok().body(r#"{"data":[]}"#)).await.unwrap();
    let url = server.uri("/things").to_string() + "?since={since}";
    let first =
        ["poll", "--url", &url, "--checkpoint", "c", "--once", "--header-env", "x-api-key=THINGS_KEY"];
    let mut command = sync.martello(&first, &[]);
    command.env("THINGS_KEY", "s3cret");
    let ran = run(command);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(server.requests().iter().all(|request| request.headers["x-api-key"] == "s3cret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn stores_no_header_of_the_environment_in_the_outbox() {
    let (sync, fixture) = (SyncFixture::new().await, StoreFixture::empty().await);
    let server = Server::with(|_| Reply::status(503)).await.unwrap();
    let more = ["--header-env", "x-api-key=KEY", "--attempts", "1", "--outbox", &fixture.named];
    let mut command = upsert(&sync, &server, &more);
    command.env("KEY", "s3cret");
    assert_eq!(run(command).code, 0);
    assert_eq!(server.requests()[0].headers["x-api-key"], "s3cret");
    let mut command = bare();
    command.args(["outbox", "list", "--json", "--store", &fixture.named]);
    let listed: serde_json::Value = serde_json::from_str(&run(command).stdout).unwrap();
    let id = listed["entries"][0]["id"].as_str().unwrap();
    let shown = fixture.run(&["outbox", "show", id, "--reveal", "--json"]).stdout;
    assert!(shown.contains("content-type") && !shown.contains("s3cret"), "{shown}");
    fixture.close().await;
}

/// The worker would send the request of one tenant for another, or without a tenant.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rejects_a_tenant_header_of_the_environment_with_an_outbox() {
    let (sync, fixture) = (SyncFixture::new().await, StoreFixture::empty().await);
    let server = Server::with(|_| Reply::status(503)).await.unwrap();
    let more = ["--header-env", "x-tenant=TENANT", "--attempts", "1", "--outbox", &fixture.named];
    let mut command = upsert(&sync, &server, &more);
    command.env("TENANT", "s3cret");
    let ran = run(command);
    assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
    ran.fails(
        2,
        "--header-env x-tenant cannot be used with --outbox, which does not store it and would mix up requests",
    );
    assert_eq!(server.requests().len(), 0);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_error_about_a_header_of_the_environment_omits_its_value() {
    let (sync, server) = (SyncFixture::new().await, accepting_server().await);
    for (argument, why) in [
        ("x-api-key=NOT_SET", "environment variable NOT_SET is not set"),
        ("x-api-key", "NAME=VARIABLE"),
        ("x api=KEY", "the header name is invalid"),
        ("content-length=KEY", "content-length"),
        ("x-api-key=LINES", "characters that a header cannot contain"),
    ] {
        let mut command = upsert(&sync, &server, &["--header-env", argument]);
        command.env("KEY", "s3cret").env("LINES", "s3\ncret");
        let ran = run(command);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{argument}: {ran:?}");
        assert!(ran.stderr.contains(why) && !ran.stderr.contains("cret"), "{argument}: {ran:?}");
    }
    let mut command = upsert(&sync, &server, &["--header-env", "authorization=KEY", "--token-env", "KEY"]);
    command.env("KEY", "s3cret");
    run(command).fails(2, "conflicts with the token");
    // Without TLS, others on the network can read it.
    let first = ["upsert", "--url", "http://api.example/{business_id}", "--input", "orders.ndjson"];
    let mut command = sync.martello(&first, &["--header-env", "x-a=KEY"]);
    command.env("KEY", "s3cret");
    run(command).fails(2, "require https");
}

/// Requests that were sent for one tenant were not sent for another, whatever the source of the header.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_header_of_the_environment_that_is_not_a_credential_identifies_the_run() {
    let (sync, server) = (SyncFixture::new().await, accepting_server().await);
    let of = |mut command: Command, tenant: &str| {
        command.env("TENANT", tenant);
        run(command)
    };
    let more = ["--header-env", "x-tenant=TENANT", "--journal", "journal"];
    assert_eq!(of(upsert(&sync, &server, &more), "s3cret-a").code, 0);
    of(upsert(&sync, &server, &more), "s3cret-b").fails(7, "belongs to a run with other headers");
    assert_eq!(of(upsert(&sync, &server, &more), "s3cret-a").code, 0);
    let things = Server::with(|_| Reply::ok().body(r#"{"data":[]}"#)).await.unwrap();
    let url = things.uri("/things").to_string() + "?since={since}";
    let first = ["poll", "--url", &url, "--checkpoint", "c", "--once", "--header-env", "x-tenant=TENANT"];
    assert_eq!(of(sync.martello(&first, &[]), "s3cret-a").code, 0);
    of(sync.martello(&first, &[]), "s3cret-b").fails(7, "another source");
    for name in ["journal", "c"] {
        assert!(!std::fs::read_to_string(sync.path(name)).unwrap().contains("s3cret"), "{name}");
    }
}
