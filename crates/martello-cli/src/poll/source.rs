//! Builds the source of a poll from the command line.

use http::Uri;
use jiff::Timestamp;
use martello::outcome::has_userinfo;
use martello_poll::{Boundary, ConfigError, JsonCursor, JsonLink, JsonSince, Paged, RawValue, Source};

use crate::{
    api::{self, Credentials},
    args::{PageArgs, PollArgs},
    error::CommandError,
};

/// The URL without its `{since}` parameter, and the parameter's name.
pub(super) struct SinceUrl {
    pub(super) url: Uri,
    parameter: String,
}

impl SinceUrl {
    pub(super) fn parse(text: &str) -> Result<Self, CommandError> {
        let unusable = |why: &str| CommandError::usage(format!("--url is invalid: {why}"));
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let (since, rest): (Vec<_>, Vec<_>) = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .partition(|pair| pair.split_once('=').is_some_and(|(_, value)| value == "{since}"));
        let parameter = match since.as_slice() {
            // `+` in a query stands for a space.
            [pair] => pair.trim_end_matches("={since}").replace('+', "%20"),
            _ => {
                return Err(unusable(
                    "exactly one query parameter must have the value {since}, as in …?released_since={since}",
                ));
            }
        };
        let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
        let url: Uri = format!("{place}{query}").parse().map_err(|error| unusable(&format!("{error}")))?;
        if !["http", "https"].contains(&url.scheme_str().unwrap_or_default()) {
            return Err(unusable("it must begin with https:// or http:// and a host"));
        }
        if has_userinfo(&url) {
            return Err(unusable("credentials are not allowed on the command line: use --token-env"));
        }
        Ok(Self { url, parameter })
    }
}

/// A source whose pages have a cursor.
pub(super) fn by_cursor(
    target: &SinceUrl,
    args: &PollArgs,
    credentials: &Credentials,
) -> Result<impl Source + use<>, CommandError> {
    let (pages, headers) = (&args.pages, texts(args)?);
    let PageArgs { items, cursor, cursor_parameter, null_is_empty, .. } = pages;
    let null_is_empty = *null_is_empty;
    let (items, cursor, parameter) = (items.clone(), cursor.clone(), cursor_parameter.clone());
    let source = JsonSince::new(target.url.clone(), move |url| {
        let mut pages = JsonCursor::new(url)?.parameter(parameter.clone());
        if let Some(items) = &items {
            pages = pages.items(items)?;
        }
        if null_is_empty {
            pages = pages.null_is_empty();
        }
        if let Some(cursor) = &cursor {
            pages = pages.cursor(cursor)?;
        }
        headers.iter().try_fold(pages, |pages, (name, value)| pages.header(name, value))
    })?;
    Ok(described(source, target, args, credentials))
}

/// A source whose pages have a `Link` header.
pub(super) fn by_link(
    target: &SinceUrl,
    args: &PollArgs,
    credentials: &Credentials,
) -> Result<impl Source + use<>, CommandError> {
    let (items, headers) = (args.pages.items.clone(), texts(args)?);
    let null_is_empty = args.pages.null_is_empty;
    let source = JsonSince::new(target.url.clone(), move |url| -> Result<_, ConfigError> {
        let mut pages = JsonLink::new(url)?;
        if let Some(items) = &items {
            pages = pages.items(items)?;
        }
        if null_is_empty {
            pages = pages.null_is_empty();
        }
        headers.iter().try_fold(pages, |pages, (name, value)| pages.header(name, value))
    })?;
    Ok(described(source, target, args, credentials))
}

fn texts(args: &PollArgs) -> Result<Vec<(String, String)>, CommandError> {
    let text = |(name, value): (http::HeaderName, http::HeaderValue)| {
        let value = value.to_str().map_err(|_| {
            CommandError::usage(format!("--header {name}: the value has characters other than ASCII"))
        })?;
        Ok((name.to_string(), value.to_owned()))
    };
    api::headers(&args.api)?.into_iter().map(text).collect()
}

fn described<P: Paged<Item = Box<RawValue>>>(
    source: JsonSince<P>,
    target: &SinceUrl,
    args: &PollArgs,
    credentials: &Credentials,
) -> JsonSince<P> {
    let source =
        source.parameter(&target.parameter).key(&args.key).stamp(&args.stamp).boundary(Boundary::Exclusive);
    let source = match &args.pages.page_size {
        Some((name, items)) => source.page_size(name, *items),
        None => source,
    };
    let source = if args.pace.utc { source.stamps_are_utc() } else { source };
    // One response may have several lists, such as changed and deleted items, so --items is part of the
    // identity.
    let source = match args.pages.items.as_deref().filter(|place| args.pages.link || *place != "data") {
        Some(place) => source.identity(format!("--items /{}", place.strip_prefix('/').unwrap_or(place))),
        None => source,
    };
    let identifying = credentials.identifying_headers();
    let source = identifying.fold(source, |source, (name, value)| {
        source.identity(format!("{name}: {}", value.as_bytes().escape_ascii()))
    });
    from(source, args.pace.from)
}

fn from<P: Paged<Item = Box<RawValue>>>(source: JsonSince<P>, from: Option<Timestamp>) -> JsonSince<P> {
    match from {
        Some(from) => source.everything_from(from),
        None => source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_parameter_with_the_value_since() {
        let target = SinceUrl::parse("https://api.example/p?a=1&released_since={since}&b=%20").unwrap();
        assert_eq!(
            (target.url.to_string().as_str(), target.parameter.as_str()),
            ("https://api.example/p?a=1&b=%20", "released_since")
        );
        for url in [
            "https://api.example/p",
            "https://api.example/{since}",
            "https://api.example/p?a={since}&b={since}",
            "/p?a={since}",
            "https://user:secret@api.example/p?a={since}",
        ] {
            assert!(SinceUrl::parse(url).is_err(), "{url}");
        }
    }
}
