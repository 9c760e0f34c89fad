use std::{fs, time::Duration};

use martello_poll::{
    Acquired, Boundary, Checkpoint, CheckpointStore, Event, FileCheckpoint, JsonCursor, JsonSince,
    MemoryCheckpoint, PollErrorKind, PollOptions, Poller, RawValue, ResyncReason, Save, Source,
};

use crate::support::{Answer, Seen, Server, URL, batch, item, next, page, poller, source};

#[tokio::test(start_paused = true)]
async fn a_source_that_has_forgotten_is_asked_for_everything() {
    let server = Server::new(|n| match n {
        0 => page("10:00:00", &item("a", "09:59:00"), ""),
        1 => Answer::status(410),
        _ => page("12:00:00", &item("b", "11:00:00"), ""),
    });
    let mut poller = poller(&server, &MemoryCheckpoint::default());
    assert_eq!(next(&mut poller).await, batch(&["a"]));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(1));
    let Some(Event::Resync { gap, reason, .. }) = poller.next().await.unwrap() else { panic!() };
    assert_eq!((gap, reason), (None, ResyncReason::Expired));
    assert_eq!(next(&mut poller).await, batch(&["b"]));
    assert_eq!(server.asked()[2], "");
}

#[tokio::test(start_paused = true)]
async fn a_gap_longer_than_the_source_keeps_is_told() {
    let server = Server::new(|n| page(if n == 0 { "10:00:00" } else { "15:00:00" }, "", ""));
    let options = PollOptions::builder().source_keeps(Duration::from_secs(3_600)).build().unwrap();
    let mut poller = poller(&server, &MemoryCheckpoint::default()).with_options(options);
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    let Some(Event::Resync { gap, reason, .. }) = poller.next().await.unwrap() else { panic!() };
    assert_eq!((gap, reason), (Some(Duration::from_secs(5 * 3_600 + 120)), ResyncReason::Gap));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    assert_eq!(server.asked()[2], "");
}

async fn store_of(source: String) -> MemoryCheckpoint {
    let store = MemoryCheckpoint::default();
    let Acquired::Held(held) = store.acquire(Duration::from_secs(60)).await.unwrap() else { panic!() };
    let watermark = Some("2024-11-29T09:00:00Z".parse().unwrap());
    let checkpoint = Checkpoint { source, start: None, watermark, delivered: Vec::new() };
    let _ = store.save(held.fence, Save { checkpoint, park: Vec::new(), unpark: Vec::new() }).await.unwrap();
    store.release(held.fence).await.unwrap();
    store
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_of_another_source_ends_the_poll_unless_a_resync_is_allowed() {
    let server = Server::new(|_| page("10:00:00", "", ""));
    let store = store_of("another".to_owned()).await;
    let error = poller(&server, &store).next().await.unwrap_err();
    assert_eq!(error.kind(), PollErrorKind::OtherSource);
    assert_eq!(server.asked().len(), 0);

    let options = PollOptions::builder().resync_on_other_source().build().unwrap();
    let mut poller = poller(&server, &store).with_options(options);
    assert_eq!(next(&mut poller).await, Seen::Resync);
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    assert_eq!(server.asked(), [""]);
    assert_eq!(store.checkpoint().unwrap().source, source().fingerprint());
}

#[test]
fn other_filters_make_another_source_and_the_page_size_does_not() {
    let source = |url: &'static str| JsonSince::new(url, JsonCursor::new).unwrap();
    let print = |url| source(url).fingerprint();
    let same = print("https://api.example/p?state=released&key=s3cret");
    assert_ne!(same, print("https://api.example/p?state=all&key=s3cret"));
    assert_ne!(
        same,
        source("https://api.example/p?state=released&key=s3cret").stamp("created_at").fingerprint()
    );
    let url = "https://api.example/p?state=released&key=s3cret";
    assert_eq!(same, source(url).page_size("limit", 10).fingerprint());
    assert!(!same.contains("s3cret") && same.len() == 16);
}

/// As it was before headers counted.
const OLD: &str = "c58f71128f7de1e6";

fn with_header(name: &'static str, value: &'static str) -> JsonSince<JsonCursor<Box<RawValue>>> {
    let pages = move |url| JsonCursor::new(url)?.header(name, value);
    JsonSince::new(URL, pages).unwrap().boundary(Boundary::Inclusive)
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_of_one_tenant_does_not_serve_for_another() {
    let server = Server::new(|_| page("10:00:00", &item("a", "09:59:00"), ""));
    let store = MemoryCheckpoint::default();
    let poller = |tenant| Poller::new(server.clone(), with_header("x-tenant", tenant), store.clone());
    let mut first = poller("A");
    assert_eq!(next(&mut first).await, batch(&["a"]));
    first.stopper().stop();
    assert_eq!(next(&mut first).await, Seen::Stopped);
    assert_eq!(poller("B").next().await.unwrap_err().kind(), PollErrorKind::OtherSource);
    assert_eq!(next(&mut poller("A")).await, Seen::CaughtUp(0));
}

#[test]
fn headers_make_another_source_unless_they_are_credentials() {
    let of = |name, value| with_header(name, value).fingerprint();
    let plain = source().fingerprint();
    assert_eq!(plain, OLD);
    assert_eq!(of("accept", "application/json"), plain);
    for name in ["x-tenant", "accept", "accept-language"] {
        assert_ne!(of(name, "A"), plain, "{name}");
        assert_ne!(of(name, "A"), of(name, "B"), "{name}");
        assert_eq!(of(name, "A").len(), 64, "{name}");
    }
    for name in ["authorization", "x-api-key", "cookie"] {
        assert_eq!(of(name, "A"), plain, "{name}");
    }
    let two = |one: (&'static str, &'static str), two: (&'static str, &'static str)| {
        let pages = move |url| JsonCursor::new(url)?.header(one.0, one.1)?.header(two.0, two.1);
        JsonSince::new(URL, pages).unwrap().fingerprint()
    };
    let (tenant, language) = (("x-tenant", "A"), ("accept-language", "nl"));
    assert_eq!(two(tenant, language), two(language, tenant));
    assert_ne!(two(tenant, language), of("x-tenant", "A"));
    let ignoring = with_header("x-tenant", "A").ignore_header(http::HeaderName::from_static("x-tenant"));
    assert_eq!(ignoring.fingerprint(), plain);
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_has_the_headers_as_a_digest_that_never_changes_and_not_in_clear() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let server = Server::new(|_| page("10:00:00", "", ""));
    let source = with_header("x-tenant", "s3cret");
    let mut poller = Poller::new(server.clone(), source, FileCheckpoint::new(&path));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(0));
    poller.stopper().stop();
    assert_eq!(next(&mut poller).await, Seen::Stopped);
    let text = fs::read_to_string(&path).unwrap();
    let digest = "571fc8efa55a370c6218dd5519e5e1ddeb62e8f31849f9162b8a7a33673e20f4";
    assert!(text.contains(&format!(r#""source":"{digest}""#)), "{text}");
    assert!(!text.contains("s3cret") && !text.contains("tenant"), "{text}");
}

#[test]
fn what_a_layer_adds_can_be_named() {
    let tenant = with_header("x-tenant", "A").fingerprint();
    assert_ne!(source().identity("x-tenant: A").fingerprint(), tenant, "it is no header");
    assert_ne!(
        source().identity("A\nB").fingerprint(),
        source().identity("A").identity("B").fingerprint(),
        "one is not two"
    );
    assert_ne!(source().identity("A").fingerprint(), source().fingerprint());
    assert_ne!(source().identity("A").fingerprint(), source().identity("B").fingerprint());
    assert_ne!(source().identity("A").identity("B").fingerprint(), source().identity("B").fingerprint());
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_from_before_headers_counted_goes_on_without_and_is_refused_with_some() {
    let server = Server::new(|_| page("10:00:00", "", ""));
    let store = store_of(OLD.to_owned()).await;
    let mut refused = Poller::new(server.clone(), with_header("x-tenant", "A"), store.clone());
    assert_eq!(refused.next().await.unwrap_err().kind(), PollErrorKind::OtherSource);
    assert_eq!(next(&mut poller(&server, &store)).await, Seen::CaughtUp(0));
    assert_eq!(server.asked(), ["since=2024-11-29T08%3A58%3A00.000Z"]);
}
