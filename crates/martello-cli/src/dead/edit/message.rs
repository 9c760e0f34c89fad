//! A request as text, in an editor or a file:
//!
//! ```text
//! PUT https://api.example/orders/17
//! content-type: application/json
//!
//! {"stops":3}
//! ```

use http::{HeaderMap, Method};
use martello_outbox::StoredRequest;

use super::options::{header, url};
use crate::error::CommandError;

/// The request as text, but for its `Idempotency-Key`; `None` if its body is no text.
pub(super) fn write(request: &StoredRequest) -> Option<String> {
    let body = if request.sealed { "" } else { std::str::from_utf8(&request.body).ok()? };
    let mut text = format!("{} {}\n", request.method, request.uri);
    for (name, value) in request.headers.iter().filter(|(name, _)| *name != "idempotency-key") {
        let value: String = value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push('\n');
    text.push_str(body);
    Some(text)
}

/// The request that the text says. What it does not show, it takes from the last one: a sealed body, and the
/// `Idempotency-Key`, so that an unchanged request is the same.
pub(super) fn parse(text: &str, last: &StoredRequest) -> Result<StoredRequest, CommandError> {
    let (first, mut rest) = line(text);
    let (method, target) = first.split_once(' ').ok_or_else(|| {
        CommandError::usage("the first line must be a method and a url, such as PUT https://…")
    })?;
    let method = method.parse::<Method>().map_err(|_| CommandError::usage("the method is none"))?;
    let uri = url(target.trim())?;
    let mut headers = HeaderMap::new();
    while !rest.is_empty() {
        let (next, after) = line(rest);
        rest = after;
        if next.is_empty() {
            break;
        }
        let (name, value) = header(next)?;
        headers.append(name, value);
    }
    if let Some(key) = last.headers.get("idempotency-key") {
        headers.append("idempotency-key", key.clone());
    }
    let body = body(rest, last)?;
    Ok(StoredRequest { method, uri, headers, body, sealed: last.sealed })
}

/// Editors end a file with an end of line that is not meant to be sent, if there was none before.
fn body(text: &str, last: &StoredRequest) -> Result<bytes::Bytes, CommandError> {
    if last.sealed {
        return match text.trim() {
            "" => Ok(last.body.clone()),
            _ => Err(CommandError::usage("its body is sealed: only a program with the key can change it")),
        };
    }
    let ends = |text: &[u8]| text.ends_with(b"\n");
    let text = match text.strip_suffix('\n') {
        Some(shorter) if !ends(&last.body) => shorter,
        _ => text,
    };
    Ok(text.to_owned().into_bytes().into())
}

/// The first line, and what comes after it.
fn line(text: &str) -> (&str, &str) {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    (line.strip_suffix('\r').unwrap_or(line), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &'static str) -> StoredRequest {
        let mut headers = HeaderMap::new();
        headers.append("x-one", "1".parse().unwrap());
        headers.append("x-one", "2".parse().unwrap());
        headers.append("idempotency-key", "k".parse().unwrap());
        StoredRequest {
            method: Method::PUT,
            uri: "https://api.example/orders/1?a=b".parse().unwrap(),
            headers,
            body: body.into(),
            sealed: false,
        }
    }

    #[test]
    fn what_is_not_changed_is_the_same() {
        for body in ["", "{}", "{}\n", "\n\n", "a\r\nb"] {
            let request = request(body);
            assert_eq!(parse(&write(&request).unwrap(), &request).unwrap(), request, "{body:?}");
        }
    }

    #[test]
    fn the_end_of_line_of_an_editor_is_not_sent() {
        let request = request("{}");
        let text = write(&request).unwrap() + "\n";
        assert_eq!(parse(&text, &request).unwrap(), request);
    }

    #[test]
    fn a_sealed_body_is_neither_shown_nor_changed() {
        let sealed = StoredRequest { sealed: true, ..request("s3cret") };
        let text = write(&sealed).unwrap();
        assert!(!text.contains("s3cret"));
        assert_eq!(parse(&text, &sealed).unwrap(), sealed);
        assert!(parse(&(text + "open"), &sealed).is_err());
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let wrong = [
            "",
            "PUT",
            "P(T https://a.example/",
            "PUT https://a b/",
            "PUT https://a.example/\nx",
            "PUT https://a.example/\nidempotency-key: 1",
        ];
        for text in wrong {
            assert!(parse(text, &request("")).is_err(), "{text:?}");
        }
    }
}
