use bytes::Bytes;
use martello_testkit::Reply;
use serde_json::json;

/// The response of the API, before a fault changes it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::empty(status) }.header("content-type", "application/json")
    }

    pub(crate) fn error(status: u16, error: &str) -> Self {
        Self::json(status, json!({ "error": error }).to_string())
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn reply(&self) -> Reply {
        let reply = Reply::status(self.status).body(self.body.clone());
        self.headers.iter().fold(reply, |reply, (name, value)| reply.header(name, value))
    }
}
