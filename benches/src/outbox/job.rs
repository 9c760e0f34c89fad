//! The request that all subjects store: a `PUT` with 1 KiB of text and six headers, each to its own URL.

use http::Uri;
#[cfg(feature = "peers")]
use martello::outbox::MemoryStore;
use martello::{Body, Outbox, outbox::NewEntry};

use crate::{Error, fixture};

/// The next requests, as the outbox prepares them for its store. The URLs are numbered, so that no two have
/// the same key.
pub(super) async fn entries(outbox: &Outbox, next: &mut u64, count: usize) -> Result<Vec<NewEntry>, Error> {
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        *next += 1;
        let uri: Uri = format!("https://api.example/planning/v1/orders/{next}").parse()?;
        entries.push(outbox.prepare(fixture::request::<Body>(&uri)?).await?);
    }
    Ok(entries)
}

/// The same request for a job queue: its parts, as text.
#[cfg(feature = "peers")]
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
pub(super) struct Job {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Makes jobs.
#[cfg(feature = "peers")]
#[derive(Debug)]
pub(super) struct Jobs {
    outbox: Outbox,
    next: u64,
}

#[cfg(feature = "peers")]
impl Default for Jobs {
    fn default() -> Self {
        Self { outbox: Outbox::new(MemoryStore::new()), next: 0 }
    }
}

#[cfg(feature = "peers")]
impl Jobs {
    /// Makes jobs of what the outbox would store: without secrets, and with an `Idempotency-Key`.
    pub(super) async fn make(&mut self, count: usize) -> Result<Vec<Job>, Error> {
        let entries = entries(&self.outbox, &mut self.next, count).await?;
        entries.iter().map(Job::new).collect()
    }
}

#[cfg(feature = "peers")]
impl Job {
    fn new(entry: &NewEntry) -> Result<Self, Error> {
        let request = &entry.request;
        let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            Ok((name.as_str().to_owned(), value.to_str()?.to_owned()))
        };
        Ok(Self {
            method: request.method.to_string(),
            url: request.uri.to_string(),
            headers: request.headers.iter().map(header).collect::<Result<_, Error>>()?,
            body: String::from_utf8(request.body.to_vec())?,
        })
    }
}
