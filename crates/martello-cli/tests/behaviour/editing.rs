use std::io::Write;

use martello_outbox::{NewEntry, Reason};

use crate::support::{StoreFixture, dead, request};

#[tokio::test]
async fn a_new_body_creates_a_revision_with_a_new_idempotency_key() {
    let (fixture, ids) = StoreFixture::filled().await;
    let id = ids[0].to_string();
    let output = fixture.json(&["dead", "edit", &id, "--body", "{\"stops\":3}"]);
    assert_eq!((output["revision"].as_u64(), output["changed"].as_bool()), (Some(2), Some(true)));
    let detail = fixture.store.detail(ids[0]).await.unwrap().unwrap();
    let [old, new] = &detail.revisions[..] else { panic!("{detail:?}") };
    assert_eq!(old.request, request("https://api.example/orders/1?token=s3cret"));
    assert_eq!(&new.request.body[..], b"{\"stops\":3}");
    assert_eq!((&new.request.uri, &new.request.method), (&old.request.uri, &old.request.method));
    assert_ne!(new.request.idempotency_key(), old.request.idempotency_key());
    assert_eq!(output["idempotency_key"].as_str(), new.request.idempotency_key());
}

#[tokio::test]
async fn edits_each_part_of_a_request() {
    let (fixture, ids) = StoreFixture::filled().await;
    let body = fixture.path("body.json");
    std::fs::write(&body, b"\xff\x00").unwrap();
    let ran = fixture.run(&[
        "dead",
        "edit",
        &ids[0].to_string(),
        "--method",
        "PATCH",
        "--url",
        "https://b.example/x?y=z",
        "--header",
        "X-One: 1",
        "--header",
        "x-one: 2",
        "--remove-header",
        "Content-Type",
        "--body-file",
        body.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.starts_with(&format!("stored revision 2 of {}, with Idempotency-Key \"", ids[0])),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("the order key is still api.example/orders/1"), "{ran:?}");
    let detail = fixture.store.detail(ids[0]).await.unwrap().unwrap();
    let request = &detail.revisions[1].request;
    assert_eq!(
        (request.method.as_str(), request.uri.to_string().as_str()),
        ("PATCH", "https://b.example/x?y=z")
    );
    assert_eq!(request.headers.get_all("x-one").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((request.headers.get("content-type"), &request.body[..]), (None, &b"\xff\x00"[..]));
}

#[tokio::test]
async fn reads_a_whole_request_from_a_file_or_stdin() {
    let (fixture, ids) = StoreFixture::filled().await;
    let id = ids[0].to_string();
    let file = fixture.path("order.http");
    std::fs::write(&file, "PUT https://api.example/orders/1\ncontent-type: text/plain\n\nthree stops\n")
        .unwrap();
    assert_eq!(fixture.run(&["dead", "edit", &id, "--request-file", file.to_str().unwrap()]).code, 0);
    let request = fixture.store.detail(ids[0]).await.unwrap().unwrap().revisions[1].request.clone();
    assert_eq!((request.uri.path(), &request.body[..]), ("/orders/1", &b"three stops"[..]));

    let mut command = fixture.command(&["dead", "edit", &id, "--body-file", "-", "--json"]);
    let mut child =
        command.stdout(std::process::Stdio::null()).stdin(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"four").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(fixture.run(&["dead", "show", &id, "--body"]).stdout, "four");
}

#[tokio::test]
async fn rejects_invalid_http_without_a_change() {
    let (fixture, ids) = StoreFixture::filled().await;
    let id = ids[0].to_string();
    let refused = |arguments: &[&str], message: &str| {
        fixture.run(&[&["dead", "edit", &id], arguments].concat()).fails(2, message);
    };
    refused(&["--url", "/orders/1"], "the url must be absolute");
    refused(&["--url", "ftp://api.example/"], "the url must be absolute, with http or https");
    refused(&["--url", "https://me:pw@api.example/"], "without userinfo");
    refused(&["--url", "https://api example/"], "the URL is invalid");
    refused(&["--header", "no colon"], "'Name: value'");
    refused(&["--header", "na me: value"], "\"na me\" is not a valid header name");
    refused(
        &["--header", "x-one: a\nb"],
        "the value of header x-one is invalid: it must be one line of text",
    );
    refused(&["--header", "Authorization: Bearer s3cret"], "authorization carries credentials");
    refused(&["--header", "Content-Length: 3"], "content-length belongs to a connection");
    refused(&["--header", "Idempotency-Key: mine"], "idempotency-key cannot be set");
    refused(&["--body-file", "/nowhere/at/all"], "failed to read /nowhere/at/all");
    refused(&[], "nothing to change");
    let wrong_method = fixture.run(&["dead", "edit", &id, "--method", "P(T"]);
    assert_eq!(wrong_method.code, 2);
    assert_eq!(fixture.store.entry(ids[0]).await.unwrap().unwrap().revision, 1);
}

#[tokio::test]
async fn an_equal_request_creates_no_revision() {
    let (fixture, ids) = StoreFixture::filled().await;
    let ran = fixture.run(&["dead", "edit", &ids[0].to_string(), "--method", "PUT"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""));
    assert_eq!(ran.stderr, "the request is unchanged; no revision was stored\n");
    assert_eq!(fixture.store.entry(ids[0]).await.unwrap().unwrap().revision, 1);
}

#[tokio::test]
async fn edits_dead_letters_only() {
    let (fixture, ids) = StoreFixture::filled().await;
    let ran = fixture.run(&["dead", "edit", &ids[3].to_string(), "--body", "x"]);
    ran.fails(4, "is ready, but must be dead");
}

#[tokio::test]
async fn keeps_a_sealed_body() {
    let fixture = StoreFixture::empty().await;
    let mut request = request("https://api.example/orders/1");
    (request.sealed, request.body) = (true, "sealed".into());
    let mut entry = NewEntry::new(martello_outbox::QueueName::default(), request);
    entry.dead = Some(Reason::Rejected);
    let id = entry.id;
    fixture.store.enqueue(vec![entry]).await.unwrap();
    fixture.run(&["dead", "edit", &id.to_string(), "--body", "open"]).fails(2, "the body is sealed");
    assert_eq!(fixture.run(&["dead", "edit", &id.to_string(), "--header", "x-one: 1"]).code, 0);
    let request = fixture.store.detail(id).await.unwrap().unwrap().revisions[1].request.clone();
    assert_eq!((request.sealed, &request.body[..]), (true, &b"sealed"[..]));
    assert!(fixture.run(&["dead", "show", &id.to_string()]).stdout.contains("(sealed body, 6 bytes)"));
}

#[tokio::test]
async fn keeps_a_header_that_the_program_allowed() {
    let fixture = StoreFixture::empty().await;
    let mut entry = dead("https://api.example/orders/1", 422, Reason::Rejected);
    entry.request.headers.insert("x-continuation-token", "7".parse().unwrap());
    let id = entry.id;
    fixture.store.enqueue(vec![entry]).await.unwrap();
    assert_eq!(fixture.run(&["dead", "edit", &id.to_string(), "--body", "{}"]).code, 0);
    let detail = fixture.store.detail(id).await.unwrap().unwrap();
    assert_eq!(detail.revisions[1].request.headers["x-continuation-token"], "7");
    let ran = fixture.run(&["dead", "edit", &id.to_string(), "--header", "x-other-token: s3cret"]);
    ran.fails(2, "header x-other-token carries credentials");
}
