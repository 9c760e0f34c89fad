use std::{
    fmt::{self, Display},
    marker::PhantomData,
    str::FromStr,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use martello_outcome::{BoxError, ConfigError, Origin};
use url::Url;

use crate::{ParseError, Position, QueryName};

/// The URL and the headers of the first request; later requests are built from them.
pub(super) struct RequestTemplate<T> {
    uri: Uri,
    headers: HeaderMap,
    item: PhantomData<fn() -> T>,
}

impl<T> RequestTemplate<T> {
    pub(super) fn new<U>(url: U) -> Result<Self, ConfigError>
    where
        U: TryInto<Uri>,
        U::Error: Display,
    {
        const EXPECTED: &str = "an absolute URL without credentials";
        let uri = url.try_into().map_err(|error| ConfigError::new("url", error, EXPECTED))?;
        if Origin::of(&uri).is_none() {
            // The error does not show the URL: it may contain credentials.
            return Err(ConfigError::new("url", "a URL that is relative or has credentials", EXPECTED));
        }
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
        Ok(Self { uri, headers, item: PhantomData })
    }

    pub(super) fn header(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let name = HeaderName::from_str(name)
            .map_err(|_| ConfigError::new("header", name, "a valid header name (RFC 9110 §5.1)"))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| ConfigError::new("header", name.as_str(), "a value of visible ASCII characters"))?;
        self.headers.insert(name, value);
        Ok(())
    }

    pub(super) fn first(&self) -> Request<Bytes> {
        self.get(self.uri.clone())
    }

    /// The request for the page that a link names.
    pub(super) fn linked(&self, link: &Position) -> Result<Request<Bytes>, BoxError> {
        // The error of `Uri` shows a part of the URL.
        let uri = Uri::from_str(link.as_str()).map_err(|_| "the link is not a valid URL")?;
        Ok(self.get(uri))
    }

    /// The request for the first page with this query parameter.
    pub(super) fn with(&self, parameter: &QueryName, value: &str) -> Result<Request<Bytes>, BoxError> {
        let query = self.uri.query().unwrap_or_default();
        let kept = |pair: &&str| !pair.is_empty() && !parameter.is_of(pair);
        let mut pairs: Vec<&str> = query.split('&').filter(kept).collect();
        let pair = parameter.with(value);
        pairs.push(&pair);
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(format!("{}?{}", self.uri.path(), pairs.join("&")).try_into()?);
        Ok(self.get(Uri::from_parts(parts)?))
    }

    fn get(&self, uri: Uri) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Omits the query and the headers, because they may contain a secret.
impl<T> fmt::Debug for RequestTemplate<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestTemplate").field("path", &self.uri.path()).finish_non_exhaustive()
    }
}

/// The absolute form of a link in the response to a request for `base`, without its fragment.
pub(super) fn resolve(base: &Uri, link: &str) -> Result<Position, ParseError> {
    let base = Url::parse(&base.to_string()).map_err(ParseError::new)?;
    let mut url = base.join(link).map_err(ParseError::new)?;
    url.set_fragment(None);
    Position::try_from(String::from(url)).map_err(ParseError::new)
}
