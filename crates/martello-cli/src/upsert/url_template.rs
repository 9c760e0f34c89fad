//! A URL with `{field}` placeholders for the fields of a line.

use std::{borrow::Cow, collections::HashMap, fmt};

use http::{Uri, uri::Scheme};
use martello::outcome::has_userinfo;
use serde_json::value::RawValue;

use crate::{error::CommandError, output::Printable};

/// The fields of a line, as raw JSON.
pub(super) type Fields<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

pub(super) struct UrlTemplate(Vec<Part>);

enum Part {
    Text(String),
    Field(String),
}

/// Why a line has no URL.
#[derive(Debug)]
pub(super) enum FieldError {
    Missing(String),
    WrongType(String),
    InvalidCharacters(String, String),
    TooLong,
}

impl UrlTemplate {
    /// Parses a template. The authority must not depend on a line, because the token is sent there.
    pub(super) fn parse(text: &str) -> Result<Self, CommandError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (field, after) = after.split_once('}').ok_or_else(|| unusable("it has a { without }"))?;
            if field.is_empty() || field.contains('{') {
                return Err(unusable("{ and } must enclose the name of a field"));
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Field(field.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self(parts);
        let (one, other) = (template.sample("a")?, template.sample("b")?);
        let is_http = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&one.scheme());
        let has_host = one.authority().is_some_and(|authority| !authority.as_str().is_empty());
        if !is_http || !has_host || one.authority() != other.authority() {
            return Err(unusable("it must begin with https:// or http:// and a host without {field}"));
        }
        if has_userinfo(&one) {
            return Err(unusable("credentials are not allowed on the command line: use --token-env"));
        }
        Ok(template)
    }

    /// Whether the template has no placeholders.
    pub(super) fn is_fixed(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The URL with `field` for every placeholder.
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
    CommandError::usage(format!("--url is invalid: {why}"))
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
    // `.` and `..` are path segments that normalising removes, which would change the URL (RFC 3986 §5.2.4).
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".~-_".contains(&byte);
    if value.is_empty() || !value.bytes().all(fits) || value == "." || value == ".." {
        return Err(FieldError::InvalidCharacters(name.to_owned(), value));
    }
    Ok(value)
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "no field {name}, which the URL needs"),
            Self::WrongType(name) => write!(f, "field {name} is neither a string nor a number"),
            Self::InvalidCharacters(name, value) => {
                let value = Printable::new(value).most(40);
                write!(
                    f,
                    "field {name} \"{value}\" is not valid in the URL: use only letters, digits and .~-_"
                )
            }
            Self::TooLong => f.write_str("the URL is too long"),
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
    fn fills_each_placeholder_with_its_field() {
        let url = "https://api.example/{site}/orders/{id}?by={by}";
        assert_eq!(
            fill(url, r#"{"id":"DO-1.~_","site":12345678901234567890123,"by":-1.5}"#),
            "https://api.example/12345678901234567890123/orders/DO-1.~_?by=-1.5"
        );
    }

    #[test]
    fn rejects_a_field_that_is_missing_or_invalid_in_a_url() {
        for (line, why) in [
            ("{}", "no field id"),
            (r#"{"id":null}"#, "no field id"),
            (r#"{"id":["a"]}"#, "neither"),
            (r#"{"id":true}"#, "neither"),
            (r#"{"id":""}"#, "not valid in the URL"),
            (r#"{"id":"a/b"}"#, "\"a/b\" is not valid"),
            (r#"{"id":".."}"#, "not valid in the URL"),
            (r#"{"id":"%2e"}"#, "not valid in the URL"),
            (r#"{"id":1e+3}"#, "not valid in the URL"),
            ("{\"id\":\"\u{e9}\\u001b\"}", "\"\u{e9}\\u{1b}\" is not valid"),
        ] {
            let message = fill("https://api.example/orders/{id}", line);
            assert!(message.contains(why), "{line}: {message}");
        }
    }

    #[test]
    fn rejects_an_invalid_url() {
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
