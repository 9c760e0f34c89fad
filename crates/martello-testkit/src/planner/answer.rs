use bytes::Bytes;

use super::text;
use crate::Reply;

/// What the API answers, before a fault comes in between.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(super) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::empty(status) }.header("content-type", "application/json")
    }

    pub(super) fn error(status: u16, error: &str) -> Self {
        Self::json(status, format!(r#"{{"error":{}}}"#, text::json(error)))
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn reply(&self) -> Reply {
        let reply = Reply::status(self.status).body(self.body.clone());
        self.headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
    }
}
