//! What a line becomes.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde_json::error::Category;

use super::{
    rows::Row,
    template::{Fields, Template, Unfit},
};

/// Makes requests of lines.
pub(super) struct Maker {
    pub(super) template: Template,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
}

/// Why a line is no request. Of what is in the line it shows the id at most.
#[derive(Debug)]
pub(super) struct BadRow {
    line: u64,
    why: Why,
}

#[derive(Debug)]
enum Why {
    TooLong,
    NoJson(usize),
    NoObject,
    Unfit(Unfit),
    Request(http::Error),
}

impl Maker {
    pub(super) fn new(template: Template, method: Method, headers: &[(HeaderName, HeaderValue)]) -> Self {
        let mut all = HeaderMap::new();
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in headers {
            all.insert(name, value.clone());
        }
        Self { template, method, headers: all }
    }

    pub(super) fn request(&self, row: &Row) -> Result<Request<Bytes>, BadRow> {
        self.made(row).map_err(|why| BadRow { line: row.number, why })
    }

    fn made(&self, row: &Row) -> Result<Request<Bytes>, Why> {
        let text = row.text.as_ref().ok_or(Why::TooLong)?;
        let fields: Fields<'_> = serde_json::from_slice(text).map_err(|error| match error.classify() {
            Category::Data => Why::NoObject,
            _ => Why::NoJson(error.column()),
        })?;
        let uri = self.template.fill(&fields).map_err(Why::Unfit)?;
        let body = if self.method == Method::DELETE { Bytes::new() } else { text.clone() };
        let mut request =
            Request::builder().method(&self.method).uri(uri).body(body).map_err(Why::Request)?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.why {
            Why::TooLong => f.write_str("it is longer than 16 MiB"),
            Why::NoJson(column) => write!(f, "it is no JSON, as column {column} shows"),
            Why::NoObject => f.write_str("it is no JSON object"),
            Why::Unfit(unfit) => unfit.fmt(f),
            Why::Request(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BadRow {}
