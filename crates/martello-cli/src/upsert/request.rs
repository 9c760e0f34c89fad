//! Builds requests from the lines of the input.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde_json::error::Category;

use super::{
    rows::Row,
    url_template::{FieldError, Fields, UrlTemplate},
};

/// What the requests of a run have in common: URL template, method and headers.
pub(super) struct RequestTemplate {
    pub(super) url: UrlTemplate,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
}

/// Why a line is not a valid request. The text quotes at most the id of the line.
#[derive(Debug)]
pub(super) struct RowError {
    line: u64,
    kind: RowErrorKind,
}

#[derive(Debug)]
enum RowErrorKind {
    TooLong,
    InvalidJson(usize),
    NotAnObject,
    Field(FieldError),
    Request(http::Error),
}

impl RequestTemplate {
    pub(super) fn new(url: UrlTemplate, method: Method, headers: &[(HeaderName, HeaderValue)]) -> Self {
        let mut all = HeaderMap::new();
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            all.insert(name, value.clone());
        }
        Self { url, method, headers: all }
    }

    pub(super) fn request(&self, row: &Row) -> Result<Request<Bytes>, RowError> {
        self.build(row).map_err(|kind| RowError { line: row.number, kind })
    }

    fn build(&self, row: &Row) -> Result<Request<Bytes>, RowErrorKind> {
        let text = row.text.as_ref().ok_or(RowErrorKind::TooLong)?;
        let fields: Fields<'_> = serde_json::from_slice(text).map_err(|error| match error.classify() {
            Category::Data => RowErrorKind::NotAnObject,
            _ => RowErrorKind::InvalidJson(error.column()),
        })?;
        let uri = self.url.fill(&fields).map_err(RowErrorKind::Field)?;
        let body = if self.method == Method::DELETE { Bytes::new() } else { text.clone() };
        let mut request =
            Request::builder().method(&self.method).uri(uri).body(body).map_err(RowErrorKind::Request)?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.kind {
            RowErrorKind::TooLong => f.write_str("longer than 16 MiB"),
            RowErrorKind::InvalidJson(column) => write!(f, "invalid JSON at column {column}"),
            RowErrorKind::NotAnObject => f.write_str("not a JSON object"),
            RowErrorKind::Field(error) => error.fmt(f),
            RowErrorKind::Request(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RowError {}
