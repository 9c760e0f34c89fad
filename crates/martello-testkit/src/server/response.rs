//! Encodes a reply as pieces, which are written one by one.

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};

use super::reply::{Content, Framing, Reply};

const PIECE: usize = 16 * 1024;
const MOST_ENDLESS_BODY: usize = 256 * 1024 * 1024;
const MOST_ENDLESS_HEADERS: usize = 64 * 1024 * 1024;

/// The bytes of a response, in pieces. The first piece contains the head.
pub(super) struct Pieces {
    head: BytesMut,
    body: Source,
    size: usize,
    chunked: bool,
    /// The last chunk and the trailers. Empty without chunked framing, and for a truncated body.
    finish: Bytes,
    done: bool,
}

enum Source {
    Whole(Bytes),
    Repeated { unit: Bytes, left: usize },
}

impl Source {
    fn take(&mut self, most: usize) -> Bytes {
        match self {
            Self::Whole(bytes) => bytes.split_to(most.min(bytes.len())),
            Self::Repeated { unit, left } => {
                let piece = unit.slice(..unit.len().min(most).min(*left));
                *left -= piece.len();
                piece
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Repeated { left, .. } => *left == 0,
        }
    }
}

impl Pieces {
    pub(super) fn of(reply: &Reply, method: &Method) -> Self {
        let bodiless = *method == Method::HEAD || matches!(reply.status, 100..=199 | 204 | 304);
        let chunked = matches!(reply.framing, Framing::Chunked(_)) && !bodiless;
        let limit = reply.limit.unwrap_or(usize::MAX);
        let (head, body) = match &reply.content {
            Content::Nothing => (BytesMut::new(), Source::Whole(Bytes::new())),
            Content::Raw(bytes) => (BytesMut::new(), Source::Whole(bytes.slice(..limit.min(bytes.len())))),
            Content::EndlessHeaders => {
                let unit = format!("x-endless: {}\r\n", "e".repeat(PIECE - 13));
                (head(reply, None), Source::Repeated { unit: unit.into(), left: MOST_ENDLESS_HEADERS })
            }
            Content::Body(bytes) => {
                let sent = if bodiless { 0 } else { limit.min(bytes.len()) };
                (head(reply, Some(bytes.len())), Source::Whole(bytes.slice(..sent)))
            }
            Content::EndlessBody => {
                let left = if bodiless { 0 } else { limit.min(MOST_ENDLESS_BODY) };
                (head(reply, Some(0)), Source::Repeated { unit: vec![b'e'; PIECE].into(), left })
            }
        };
        let written_in_chunks = chunked && matches!(reply.content, Content::Body(_) | Content::EndlessBody);
        Self {
            head,
            body,
            size: reply.pace.map_or(PIECE, |(size, _)| size),
            chunked: written_in_chunks,
            finish: if written_in_chunks && reply.limit.is_none() {
                last_chunk(&reply.framing)
            } else {
                Bytes::new()
            },
            done: false,
        }
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.done {
            return None;
        }
        let data = self.body.take(self.size);
        self.done = self.body.is_empty();
        let mut piece = std::mem::take(&mut self.head);
        if piece.is_empty() && !self.chunked {
            return Some(data).filter(|data| !data.is_empty());
        }
        if self.chunked && !data.is_empty() {
            piece.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
            piece.extend_from_slice(&data);
            piece.extend_from_slice(b"\r\n");
        } else {
            piece.extend_from_slice(&data);
        }
        if self.done {
            piece.extend_from_slice(&self.finish);
        }
        Some(piece.freeze()).filter(|piece| !piece.is_empty())
    }
}

/// Encodes the head of a response. Without a length, it is left open for more headers.
fn head(reply: &Reply, length: Option<usize>) -> BytesMut {
    let mut head = status_line(reply.status);
    put_lines(&mut head, &reply.headers);
    let Some(length) = length else { return head };
    let framed = reply.headers.iter().any(|(name, _)| {
        name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding")
    });
    if !framed && !matches!(reply.status, 100..=199 | 204) {
        let line = match &reply.framing {
            Framing::Chunked(_) => "transfer-encoding: chunked\r\n".to_owned(),
            Framing::Length(Some(declared)) => format!("content-length: {declared}\r\n"),
            Framing::Length(None) => format!("content-length: {length}\r\n"),
        };
        head.extend_from_slice(line.as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Encodes an informational response.
pub(super) fn interim(status: u16) -> BytesMut {
    let mut head = status_line(status);
    head.extend_from_slice(b"\r\n");
    head
}

fn status_line(status: u16) -> BytesMut {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    BytesMut::from(format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or_default()).as_str())
}

fn put_lines(head: &mut BytesMut, lines: &[(Bytes, Bytes)]) {
    for (name, value) in lines {
        for part in [name, b": ".as_slice(), value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
}

fn last_chunk(framing: &Framing) -> Bytes {
    let mut last = BytesMut::from("0\r\n");
    if let Framing::Chunked(trailers) = framing {
        put_lines(&mut last, trailers);
    }
    last.extend_from_slice(b"\r\n");
    last.freeze()
}
