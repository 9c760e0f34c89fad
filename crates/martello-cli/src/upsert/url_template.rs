//! A URL with places for the fields of a line.

use std::{borrow::Cow, collections::HashMap, fmt};

use http::{Uri, uri::Scheme};
use serde_json::value::RawValue;

use crate::{error::CommandError, output::Printable};

/// The fields of a line, each as it is written there.
pub(super) type Fields<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

pub(super) struct UrlTemplate(Vec<Part>);

enum Part {
    Text(String),
    Field(String),
}

/// RowErrorKind a line has no URL.
#[derive(Debug)]
pub(super) enum FieldError {
    Missing(String),
    WrongType(String),
    InvalidCharacters(String, String),
    TooLong,
}

impl UrlTemplate {
    /// Reads it. Where it leads to must not depend on a line: there the token goes.
    pub(super) fn parse(text: &str) -> Result<Self, CommandError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (field, after) = after.split_once('}').ok_or_else(|| unusable("it has a { without a }"))?;
            if field.is_empty() || field.contains('{') {
                return Err(unusable("between { and } stands the name of a field"));
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Field(field.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        let (one, other) = (template.sample("a")?, template.sample("b")?);
        let is_http = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&one.scheme());
        let authority = one.authority().map_or("", |authority| authority.as_str());
        if !is_http || authority.is_empty() || one.authority() != other.authority() {
            return Err(unusable("it begins with https:// or http:// and a host without a field"));
        }
        if authority.contains('@') {
            return Err(unusable("credentials are not for the command line: see --token-env"));
        }
        Ok(template)
    }

    /// Whether all lines have the same URL.
    pub(super) fn is_fixed(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// One of its URLs.
    pub(super) fn sample(&self, field: &str) -> Result<Uri, CommandError> {
        let text = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Field(_) => field,
        });
        let uri = text.collect::<String>().parse();
        uri.map_err(|error: http::uri::InvalidUri| unusable(&error.to_string()))
    }

    /// The URL of a line.
    pub(super) fn fill(&self, fields: &Fields<'_>) -> Result<Uri, FieldError> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Field(name) => text.push_str(&value(name, fields)?),
            }
        }
        text.parse().map_err(|_| FieldError::TooLong)
    }
}

fn unusable(why: &str) -> CommandError {
    CommandError::usage(format!("--url cannot be used: {why}"))
}

fn value(name: &str, fields: &Fields<'_>) -> Result<String, FieldError> {
    let raw = fields.get(name).map_or("null", |value| value.get());
    let value = match raw.as_bytes() {
        b"null" => return Err(FieldError::Missing(name.to_owned())),
        [b'"', ..] => serde_json::from_str::<String>(raw).ok(),
        [b'-' | b'0'..=b'9', ..] => Some(raw.to_owned()),
        _ => None,
    };
    let value = value.ok_or_else(|| FieldError::WrongType(name.to_owned()))?;
    // `.` and `..` are no names in a path: whoever normalises it would call something else (RFC 3986 §5.2.4).
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".~-_".contains(&byte);
    if value.is_empty() || !value.bytes().all(fits) || value == "." || value == ".." {
        return Err(FieldError::InvalidCharacters(name.to_owned(), value));
    }
    Ok(value)
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "it has no {name}, which the URL needs"),
            Self::WrongType(name) => write!(f, "its {name} is neither a text nor a number"),
            Self::InvalidCharacters(name, value) => {
                let value = Printable::new(value).most(40);
                write!(f, "its {name} \"{value}\" does not fit into the URL: letters, digits and .~-_ do")
            }
            Self::TooLong => f.write_str("its URL is too long"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(url: &str, line: &str) -> String {
        let url = UrlTemplate::parse(url).unwrap();
        let filled = url.fill(&serde_json::from_str(line).unwrap());
        filled.map_or_else(|error| error.to_string(), |uri| uri.to_string())
    }

    #[test]
    fn fields_stand_where_they_are_named() {
        let url = "https://api.example/{site}/orders/{id}?by={by}";
        assert_eq!(
            fill(url, r#"{"id":"DO-1.~_","site":12345678901234567890123,"by":-1.5}"#),
            "https://api.example/12345678901234567890123/orders/DO-1.~_?by=-1.5"
        );
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (line, why) in [
            ("{}", "no id"),
            (r#"{"id":null}"#, "no id"),
            (r#"{"id":["a"]}"#, "neither"),
            (r#"{"id":true}"#, "neither"),
            (r#"{"id":""}"#, "does not fit"),
            (r#"{"id":"a/b"}"#, "\"a/b\" does not fit"),
            (r#"{"id":".."}"#, "does not fit"),
            (r#"{"id":"%2e"}"#, "does not fit"),
            (r#"{"id":1e+3}"#, "does not fit"),
            ("{\"id\":\"\u{e9}\\u001b\"}", "\"\u{e9}\\u{1b}\" does not fit"),
        ] {
            let told = fill("https://api.example/orders/{id}", line);
            assert!(told.contains(why), "{line}: {told}");
        }
    }

    #[test]
    fn a_url_that_makes_no_sense_is_refused() {
        for url in [
            "",
            "orders/{id}",
            "ftp://api.example/{id}",
            "https://{id}.example/",
            "https://api.example/{id",
            "https://api.example/{}",
            "https://user:secret@api.example/{id}",
        ] {
            assert!(UrlTemplate::parse(url).is_err(), "{url}");
        }
        assert!(UrlTemplate::parse("https://api.example/orders").unwrap().is_fixed());
    }
}
