use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::super::{
    check::{fault, same},
    fixture::{Fixture, entry, request},
    violation::{Fault, ScenarioResult},
};
use martello_outbox::{Change, EntryId, NewEntry, OrderKey, StoredRequest};

/// Stores this request, corrects one to it, and wants it back both ways and from a claim.
async fn survives(fixture: &Fixture<'_>, what: &str, request: StoredRequest) -> ScenarioResult {
    let id = fixture.put(NewEntry { request: request.clone(), ..entry() }).await?;
    let claimed = fixture.claim_one().await?;
    alike(&format!("{what}, claimed"), &claimed.request, &request)?;
    same("its method and URL", (&claimed.entry.method, &claimed.entry.uri), (&request.method, &request.uri))?;
    alike(&format!("{what}, in detail"), &last_revision(fixture, id).await?, &request)?;
    fixture.settle(&claimed, martello_outbox::store::End::Done).await?;
    let dead = fixture.put_dead(entry()).await?;
    fixture.store().change(dead, Change::Edit { on: 1, request: Box::new(request.clone()) }).await?;
    alike(&format!("{what}, as a correction"), &last_revision(fixture, dead).await?, &request)
}

async fn last_revision(fixture: &Fixture<'_>, id: EntryId) -> Result<StoredRequest, Fault> {
    match fixture.detail(id).await?.revisions.pop() {
        Some(revision) => Ok(revision.request),
        None => fault("an entry has no revision"),
    }
}

/// Said without the bodies, which may be large.
fn alike(what: &str, found: &StoredRequest, expected: &StoredRequest) -> ScenarioResult {
    same(&format!("{what}: the method"), &found.method, &expected.method)?;
    same(&format!("{what}: the URL"), &found.uri, &expected.uri)?;
    same(&format!("{what}: the headers"), pairs(&found.headers), pairs(&expected.headers))?;
    same(&format!("{what}: whether it is sealed"), found.sealed, expected.sealed)?;
    if found.body != expected.body {
        let (found, expected) = (found.body.len(), expected.body.len());
        return fault(format!("{what}: a body of {expected} bytes came back as another, of {found} bytes"));
    }
    Ok(())
}

fn pairs(headers: &HeaderMap) -> Vec<(&HeaderName, &HeaderValue)> {
    headers.iter().collect()
}

pub(crate) async fn headers_survive_to_the_byte(fixture: &Fixture<'_>) -> ScenarioResult {
    let visible: Vec<u8> = (0x21..=0x7e).chain(0x80..=0xff).collect();
    let values: [&[u8]; 6] =
        [b"", b"plain", &visible, b"a\tb", br#""quoted" \ 'x' %s $1 ?"#, "é \u{1F9F1}".as_bytes()];
    let mut headers = HeaderMap::new();
    for value in values.into_iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
        headers.append("x-repeated", value);
    }
    headers.insert("x-alone", HeaderValue::from_static("1"));
    headers.append("x-repeated", HeaderValue::from_static("again"));
    survives(fixture, "headers", StoredRequest { headers, ..request() }).await?;

    let mut headers = HeaderMap::new();
    for number in 0..6 {
        let name = HeaderName::from_bytes(format!("x-large-{number}").as_bytes());
        let value = HeaderValue::from_bytes(&visible.repeat(45));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    survives(fixture, "a large head", StoredRequest { headers, ..request() }).await?;
    survives(fixture, "no headers", StoredRequest { headers: HeaderMap::new(), ..request() }).await
}

pub(crate) async fn bodies_survive_to_the_byte(fixture: &Fixture<'_>) -> ScenarioResult {
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let bodies: [(&str, Bytes); 4] = [
        ("an empty body", Bytes::new()),
        ("a body of zeroes", vec![0; 3].into()),
        ("a body of every byte", every.clone().into()),
        ("a body of four MiB", every.repeat(4 * 1024 * 4).into()),
    ];
    for (what, body) in bodies {
        survives(fixture, what, StoredRequest { body, ..request() }).await?;
    }
    Ok(())
}

pub(crate) async fn a_sealed_body_stays_sealed(fixture: &Fixture<'_>) -> ScenarioResult {
    survives(fixture, "a sealed body", StoredRequest { sealed: true, ..request() }).await
}

pub(crate) async fn methods_and_urls_survive(fixture: &Fixture<'_>) -> ScenarioResult {
    let long = format!("https://api.example/{}?q={}", "a".repeat(4000), "%C3%A9".repeat(600));
    let urls = [
        "http://localhost",
        "https://API.Example:8443/Path%20x/;a=1?b=c&d='%27\"e",
        "http://[2001:db8::1]:80/?",
        &long,
    ];
    for url in urls {
        if let Ok(uri) = url.parse::<Uri>() {
            survives(fixture, url, StoredRequest { uri, ..request() }).await?;
        }
    }
    for method in ["GET", "PATCH", "MERGE", "a-method-of-its-own"] {
        if let Ok(method) = Method::from_bytes(method.as_bytes()) {
            survives(fixture, "a method", StoredRequest { method, ..request() }).await?;
        }
    }
    Ok(())
}

pub(crate) async fn keys_survive_and_stay_distinct(fixture: &Fixture<'_>) -> ScenarioResult {
    let long = "k".repeat(255);
    let texts = [
        "a",
        "A",
        "a ",
        " a",
        "é",
        "e\u{301}",
        "'; drop table entries; --",
        "%",
        "_",
        "\u{1F9F1}",
        "null",
        &long,
    ];
    let mut ids = Vec::new();
    for text in texts {
        let new = NewEntry { order_key: OrderKey::new(text).ok(), dedup_key: Some(text.into()), ..entry() };
        ids.push(fixture.put(new).await?);
    }
    for (text, id) in texts.into_iter().zip(&ids) {
        let entry = fixture.entry(*id).await?;
        same("the dedup key", entry.dedup_key.as_deref(), Some(text))?;
        same("the order key", entry.order_key.as_ref().map(OrderKey::as_str), Some(text))?;
    }
    same("what can be claimed", fixture.claimable().await?, ids)
}
