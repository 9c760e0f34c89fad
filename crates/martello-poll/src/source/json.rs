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

/// A source of JSON objects, whose URL has a query parameter for the start of the time range.
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
    /// More texts that identify the source.
    named: Vec<String>,
    ignored: Vec<HeaderName>,
}

impl<P: Paged<Item = Box<RawValue>>> JsonSince<P> {
    /// A source at this URL, whose query has the filters. `pages` describes the pages for the URL with the
    /// start time in it.
    ///
    /// # Errors
    ///
    /// When the URL is not absolute, or `pages` fails.
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

    /// Sets the page size with this query parameter, decoded or [percent-encoded](QueryName). Unlike a page
    /// size in the URL, it can change without making this another source.
    pub fn page_size(mut self, parameter: impl Into<String>, items: u32) -> Self {
        self.page_size = Some((parameter.into(), items));
        self
    }

    /// Sets the query parameter for the start time, decoded or [percent-encoded](QueryName). The time is sent
    /// in UTC with milliseconds (`2024-11-29T10:00:00.000Z`), rounded down.
    pub fn parameter(mut self, name: impl Into<String>) -> Self {
        self.parameter = name.into();
        self
    }

    /// Sets the member that is the key of an item: a string or a number.
    pub fn key(mut self, name: impl Into<String>) -> Self {
        self.key = name.into();
        self
    }

    /// Sets the member that is the stamp of an item: the time by which the source filters, as RFC 3339 text.
    pub fn stamp(mut self, name: impl Into<String>) -> Self {
        self.stamp = name.into();
        self
    }

    /// Treats a stamp without a time zone as UTC. By default its item is parked.
    pub fn stamps_are_utc(mut self) -> Self {
        self.utc = true;
        self
    }

    /// Sets whether the list includes an item whose stamp is exactly the requested time.
    pub fn boundary(mut self, boundary: Boundary) -> Self {
        self.boundary = boundary;
        self
    }

    /// Sets the start time for a request of everything, for a source that needs one. The first poll stores it
    /// in the checkpoint, so a time relative to the start of the process, such as an hour ago, opens no gap.
    /// See [`Source::start`].
    pub fn everything_from(mut self, moment: Timestamp) -> Self {
        self.everything_from = Some(moment);
        self
    }

    /// Adds a text that identifies the source, such as a tenant that a layer around the client sends in a
    /// header. The URL and the headers of the pages always identify the source. Only a digest is stored.
    pub fn identity(mut self, text: impl AsRef<str>) -> Self {
        self.named.push(text.as_ref().to_owned());
        self
    }

    /// Excludes a header of the pages from the identity of the source, for example one that differs between
    /// processes.
    pub fn ignore_header(mut self, name: HeaderName) -> Self {
        self.ignored.push(name);
        self
    }

    /// The headers that identify the source: all but credentials, which are renewed, and `Accept:
    /// application/json`.
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
        // Headers of the same name keep their order.
        headers.sort_by(|(one, _), (two, _)| one.as_str().cmp(two.as_str()));
        headers
    }

    /// The URL with the start time and the page size. The rest of its query stays unchanged.
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

/// The time with milliseconds, rounded down: a later time would lose changes.
fn since_text(since: Timestamp) -> String {
    let millis = since.as_nanosecond().div_euclid(1_000_000);
    let since = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    format!("{:.3}", since.unwrap_or(Timestamp::MIN))
}

/// Parses a JSON string as a time (RFC 3339, RFC 9557). A time without a zone is an issue, unless `utc` is
/// set.
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

/// Omits the query, which may contain a secret.
impl<P> fmt::Debug for JsonSince<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonSince").field("path", &self.url.path()).finish_non_exhaustive()
    }
}
