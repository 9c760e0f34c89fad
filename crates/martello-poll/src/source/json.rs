use std::{
    collections::HashMap,
    fmt::{self, Display},
};

use http::{HeaderName, HeaderValue, Request, Uri, header};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use martello_log::Redaction;
use martello_outcome::{BoxError, ConfigError};
use martello_paginate::{Paged, QueryName};
use serde_json::value::RawValue;
use url::Url;

use super::{Boundary, Source, fingerprint::Identity};
use crate::{ItemIssueKind, ItemVersion};

type MakePages<P> = Box<dyn Fn(Uri) -> Result<P, ConfigError> + Send>;

/// A source whose items are JSON objects, and whose query has a parameter for the moment to ask from.
///
/// # Defaults
///
/// | what | default |
/// |---|---|
/// | [parameter](Self::parameter) | `since` |
/// | [key](Self::key), [stamp](Self::stamp) | `id`, `updated_at` |
/// | [boundary](Self::boundary) | [exclusive](Boundary::Exclusive) |
/// | [all pages](Self::everything_from) | without the parameter |
///
/// ```
/// use martello_poll::{JsonCursor, JsonSince};
///
/// let plannings = JsonSince::new("https://api.example/planning/v1/plannings", |url| {
///     JsonCursor::new(url)?.items("plannings")
/// })?
/// .page_size("limit", 100)
/// .parameter("released_since")
/// .key("id")
/// .stamp("released_at");
/// # Ok::<(), martello_poll::ConfigError>(())
/// ```
#[must_use = "it describes a source; a `Poller` polls it"]
pub struct JsonSince<P> {
    url: Url,
    pages: MakePages<P>,
    page_size: Option<(String, u32)>,
    parameter: String,
    key: String,
    stamp: String,
    utc: bool,
    boundary: Boundary,
    everything_from: Option<Timestamp>,
    /// What else tells it from other sources.
    named: Vec<String>,
    ignored: Vec<HeaderName>,
}

impl<P: Paged<Item = Box<RawValue>>> JsonSince<P> {
    /// A source at this URL, whose query holds the filters; its pages are made by this function, from the URL with the
    /// moment in it.
    ///
    /// # Errors
    ///
    /// When it is no absolute URL, or no pages can be made of it.
    pub fn new<U, F>(url: U, pages: F) -> Result<Self, ConfigError>
    where
        U: TryInto<Uri>,
        U::Error: Display,
        F: Fn(Uri) -> Result<P, ConfigError> + Send + 'static,
    {
        const EXPECTED: &str = "an absolute URL";
        let uri = url.try_into().map_err(|error| ConfigError::new("url", error, EXPECTED))?;
        let url = Url::parse(&uri.to_string()).map_err(|error| ConfigError::new("url", error, EXPECTED))?;
        pages(uri)?;
        Ok(Self {
            url,
            pages: Box::new(pages),
            page_size: None,
            parameter: "since".to_owned(),
            key: "id".to_owned(),
            stamp: "updated_at".to_owned(),
            utc: false,
            boundary: Boundary::default(),
            everything_from: None,
            named: Vec::new(),
            ignored: Vec::new(),
        })
    }

    /// Asks for so many items in a page, by the parameter of this name, in clear or [as it stands in a
    /// URL](QueryName). Said here and not in the URL, it may change without making another source of it.
    pub fn page_size(mut self, parameter: impl Into<String>, items: u32) -> Self {
        self.page_size = Some((parameter.into(), items));
        self
    }

    /// The name of the query parameter that bears the moment to ask from, in clear or [as it stands in a
    /// URL](QueryName). The moment is sent in UTC with milliseconds (`2024-11-29T10:00:00.000Z`), rounded
    /// down.
    pub fn parameter(mut self, name: impl Into<String>) -> Self {
        self.parameter = name.into();
        self
    }

    /// The name of an item's key: a text or a number.
    pub fn key(mut self, name: impl Into<String>) -> Self {
        self.key = name.into();
        self
    }

    /// The name of the stamp that the source filters by: a text by RFC 3339.
    pub fn stamp(mut self, name: impl Into<String>) -> Self {
        self.stamp = name.into();
        self
    }

    /// Takes a stamp that has no zone for UTC. Otherwise its item is parked.
    pub fn stamps_are_utc(mut self) -> Self {
        self.utc = true;
        self
    }

    /// Whether an item whose stamp is exactly the asked-for moment is listed.
    pub fn boundary(mut self, boundary: Boundary) -> Self {
        self.boundary = boundary;
        self
    }

    /// Asks from this moment where everything is asked for, for a source that wants one. The first poll keeps
    /// it in the checkpoint: a moment that is computed anew at each start, such as an hour ago, opens no gap.
    /// See [`Source::start`].
    pub fn everything_from(mut self, moment: Timestamp) -> Self {
        self.everything_from = Some(moment);
        self
    }

    /// Something else that makes it this source and no other, such as a tenant that a layer around the client
    /// names in a header, or which list it is where the pages have several. The URL and the headers of the
    /// pages count in any case. It is stored as a digest.
    pub fn identity(mut self, text: impl AsRef<str>) -> Self {
        self.named.push(text.as_ref().to_owned());
        self
    }

    /// A header of the pages that does not make another source of it: one with another value in each process, say.
    pub fn ignore_header(mut self, name: HeaderName) -> Self {
        self.ignored.push(name);
        self
    }

    /// The headers of its requests that make it another source: all but credentials, which are renewed, and
    /// what every page of JSON is asked for with.
    fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let request = Uri::try_from(self.url.as_str()).ok().and_then(|url| (self.pages)(url).ok());
        let request = request.and_then(|pages| pages.request(None).ok());
        let redaction = Redaction::default();
        let counts = |name: &HeaderName, value: &HeaderValue| {
            let usual = *name == header::ACCEPT && value == "application/json";
            !(usual || redaction.hides_value(name, value) || self.ignored.contains(name))
        };
        let headers = request.iter().flat_map(Request::headers).filter(|(name, value)| counts(name, value));
        let mut headers: Vec<_> = headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        // Of one name they stay in order.
        headers.sort_by(|(one, _), (two, _)| one.as_str().cmp(two.as_str()));
        headers
    }

    /// The URL with the moment in it; what else is in its query stays as it is written.
    fn set(&self, since: Option<Timestamp>) -> Url {
        let since = since.or(self.everything_from).map(|since| (&self.parameter, since_text(since)));
        let size = self.page_size.as_ref().map(|(name, items)| (name, items.to_string()));
        let set = size.into_iter().chain(since).map(|(name, value)| (QueryName::new(name), value));
        let set: Vec<(QueryName, String)> = set.collect();
        let is_set = |pair: &str| set.iter().any(|(name, _)| name.is_of(pair));
        let query = self.url.query().unwrap_or_default();
        let kept = query.split('&').filter(|pair| !pair.is_empty() && !is_set(pair)).map(str::to_owned);
        let pairs: Vec<String> = kept.chain(set.iter().map(|(name, value)| name.with(value))).collect();
        let mut url = self.url.clone();
        url.set_query(Some(pairs.join("&").as_str()).filter(|query| !query.is_empty()));
        url
    }
}

/// With milliseconds, rounded down: later than asked for would lose something.
fn since_text(since: Timestamp) -> String {
    let millis = since.as_nanosecond().div_euclid(1_000_000);
    let since = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    format!("{:.3}", since.unwrap_or(Timestamp::MIN))
}

/// The moment that a JSON text tells (RFC 3339, RFC 9557). Without a zone it is a issue, unless one says that it is UTC.
fn parse_stamp(value: &RawValue, utc: bool) -> Result<Timestamp, ItemIssueKind> {
    let text: String = serde_json::from_str(value.get()).map_err(|_| ItemIssueKind::InvalidStamp)?;
    if let Ok(stamp) = text.parse() {
        return Ok(stamp);
    }
    let local: DateTime = text.parse().map_err(|_| ItemIssueKind::InvalidStamp)?;
    if !utc {
        return Err(ItemIssueKind::StampWithoutZone);
    }
    TimeZone::UTC.to_timestamp(local).map_err(|_| ItemIssueKind::InvalidStamp)
}

impl<P: Paged<Item = Box<RawValue>> + Send + Sync + 'static> Source for JsonSince<P> {
    type Pages = P;

    fn fingerprint(&self) -> String {
        let asked = [self.url.as_str(), &self.parameter, &self.key, &self.stamp];
        Identity { asked, headers: self.headers(), named: &self.named }.fingerprint()
    }

    fn since(&self, since: Option<Timestamp>) -> Result<P, BoxError> {
        let uri = Uri::try_from(self.set(since).as_str())?;
        Ok((self.pages)(uri)?)
    }

    fn start(&self) -> Option<Timestamp> {
        self.everything_from
    }

    fn boundary(&self) -> Boundary {
        self.boundary
    }

    fn item_version(&self, item: &RawValue) -> Result<ItemVersion, ItemIssueKind> {
        let mut item: HashMap<String, &RawValue> =
            serde_json::from_str(item.get()).map_err(|_| ItemIssueKind::NoKey)?;
        let mut field = |name: &str| item.remove(name).filter(|value| value.get() != "null");
        let key = field(&self.key).ok_or(ItemIssueKind::NoKey)?;
        let key = match key.get().as_bytes() {
            [b'"', ..] => serde_json::from_str(key.get()).map_err(|_| ItemIssueKind::InvalidKey)?,
            [b'-' | b'0'..=b'9', ..] => key.get().into(),
            _ => return Err(ItemIssueKind::InvalidKey),
        };
        let stamp = parse_stamp(field(&self.stamp).ok_or(ItemIssueKind::NoStamp)?, self.utc)?;
        Ok(ItemVersion { stamp, key })
    }
}

/// Without the query, which may bear a secret.
impl<P> fmt::Debug for JsonSince<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonSince").field("path", &self.url.path()).finish_non_exhaustive()
    }
}
