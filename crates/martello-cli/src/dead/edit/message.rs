//! Formats and parses a request as text, for an editor or a file:
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

/// Formats the request without its `Idempotency-Key`; `None` if its body is not UTF-8.
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

/// Parses the text. A sealed body and the `Idempotency-Key`, which the text does not show, come from the last
/// revision, so that unchanged text gives an equal request.
pub(super) fn parse(text: &str, last: &StoredRequest) -> Result<StoredRequest, CommandError> {
    let (first, mut rest) = line(text);
    let (method, target) = first.split_once(' ').ok_or_else(|| {
        CommandError::usage("the first line must be a method and a URL, such as PUT https://…")
    })?;
    let method = method
        .parse::<Method>()
        .map_err(|_| CommandError::usage("the method in the first line is invalid"))?;
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

/// Removes the newline that editors add at the end of a file, unless the body ended with one before.
fn body(text: &str, last: &StoredRequest) -> Result<bytes::Bytes, CommandError> {
    if last.sealed {
        return match text.trim() {
            "" => Ok(last.body.clone()),
            _ => {
                Err(CommandError::usage("the body is sealed: only a program that has the key can change it"))
            }
        };
    }
    let ends = |text: &[u8]| text.ends_with(b"\n");
    let text = match text.strip_suffix('\n') {
        Some(shorter) if !ends(&last.body) => shorter,
        _ => text,
    };
    Ok(text.to_owned().into_bytes().into())
}

/// Splits off the first line.
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
    fn an_unchanged_file_parses_to_the_same_request() {
        for body in ["", "{}", "{}\n", "\n\n", "a\r\nb"] {
            let request = request(body);
            assert_eq!(parse(&write(&request).unwrap(), &request).unwrap(), request, "{body:?}");
        }
    }

    #[test]
    fn removes_the_final_newline_of_an_editor() {
        let request = request("{}");
        let text = write(&request).unwrap() + "\n";
        assert_eq!(parse(&text, &request).unwrap(), request);
    }

    #[test]
    fn omits_a_sealed_body_and_keeps_it() {
        let sealed = StoredRequest { sealed: true, ..request("s3cret") };
        let text = write(&sealed).unwrap();
        assert!(!text.contains("s3cret"));
        assert_eq!(parse(&text, &sealed).unwrap(), sealed);
        assert!(parse(&(text + "open"), &sealed).is_err());
    }

    #[test]
    fn rejects_an_invalid_request() {
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
