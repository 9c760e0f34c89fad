//! Reads and parses requests.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};

use super::{Received, response::interim, wire::Wire};

const MOST_HEADERS: usize = 128;
const MOST_HEAD_BYTES: usize = 64 * 1024;
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Why a request could not be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The peer left, so no response is possible.
    Gone,
    /// Respond with this status, and close the connection.
    Refuse(u16),
}

impl From<io::Error> for Unreadable {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

const MALFORMED: Unreadable = Unreadable::Refuse(400);

/// How a request's body is delimited.
#[derive(Debug, Clone, Copy)]
enum Delimited {
    Length(usize),
    Chunked,
}

pub(super) struct Head {
    pub(super) request: Received,
    pub(super) keep_alive: bool,
    delimited: Delimited,
    expects_continue: bool,
}

impl Head {
    /// Waits for the head of the next request.
    pub(super) async fn read(wire: &mut Wire, connection: usize) -> Result<Self, Unreadable> {
        loop {
            if let Some((head, consumed)) = parse(&wire.buffer, connection)? {
                wire.buffer.advance(consumed);
                return Ok(head);
            }
            more(wire, MOST_HEAD_BYTES, Unreadable::Refuse(431)).await?;
        }
    }

    /// Sends `100 Continue`, if the peer expects it.
    pub(super) async fn invite_body(&self, wire: &mut Wire) -> io::Result<()> {
        if self.expects_continue {
            wire.write(&interim(100)).await?;
        }
        Ok(())
    }

    /// Whether the peer expects `100 Continue`, and has sent none of the body yet.
    pub(super) fn withholds_body(&self, wire: &mut Wire) -> bool {
        self.expects_continue && !matches!(self.delimited, Delimited::Length(0)) && !wire.has_more()
    }

    /// Reads the body into the request. If it fails, the request keeps the part that was read.
    pub(super) async fn read_body(&mut self, wire: &mut Wire) -> Result<(), Unreadable> {
        let mut body = BytesMut::new();
        let read = match self.delimited {
            Delimited::Length(length) => take(wire, length, &mut body).await,
            Delimited::Chunked => read_chunks(wire, &mut body, &mut self.request.trailers).await,
        };
        self.request.body = body.freeze();
        self.request.complete = read.is_ok();
        read
    }
}

fn parse(buffer: &[u8], connection: usize) -> Result<Option<(Head, usize)>, Unreadable> {
    let mut lines = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut lines);
    let consumed = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(consumed)) => consumed,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Unreadable::Refuse(431)),
        Err(_) => return Err(MALFORMED),
    };
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(MALFORMED);
    };
    let headers = to_map(parsed.headers)?;
    let request = Received {
        method: Method::from_bytes(method.as_bytes()).map_err(|_| MALFORMED)?,
        uri: target.parse::<Uri>().map_err(|_| MALFORMED)?,
        version: if version == 0 { Version::HTTP_10 } else { Version::HTTP_11 },
        body: Bytes::new(),
        trailers: HeaderMap::new(),
        complete: false,
        connection,
        sequence: 0,
        headers,
    };
    let head = Head {
        delimited: delimited(&request.headers)?,
        expects_continue: has_token(&request.headers, header::EXPECT, "100-continue"),
        keep_alive: if version == 0 {
            has_token(&request.headers, header::CONNECTION, "keep-alive")
        } else {
            !has_token(&request.headers, header::CONNECTION, "close")
        },
        request,
    };
    Ok(Some((head, consumed)))
}

fn to_map(lines: &[httparse::Header<'_>]) -> Result<HeaderMap, Unreadable> {
    let mut map = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| MALFORMED)?;
        map.append(name, HeaderValue::from_bytes(line.value).map_err(|_| MALFORMED)?);
    }
    Ok(map)
}

/// RFC 9112 §6.3: `transfer-encoding` overrides `content-length`, and different lengths make the message
/// malformed.
fn delimited(headers: &HeaderMap) -> Result<Delimited, Unreadable> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let chunked = has_token(headers, header::TRANSFER_ENCODING, "chunked");
        return if chunked { Ok(Delimited::Chunked) } else { Err(Unreadable::Refuse(501)) };
    }
    let mut length = None;
    for value in headers.get_all(header::CONTENT_LENGTH) {
        let text = value.to_str().map_err(|_| MALFORMED)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let this = text.parse::<usize>().ok().filter(|_| digits).ok_or(MALFORMED)?;
        if length.is_some_and(|other| other != this) {
            return Err(MALFORMED);
        }
        length = Some(this);
    }
    Ok(Delimited::Length(length.unwrap_or(0)))
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut tokens = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tokens.any(|found| found.trim().eq_ignore_ascii_case(token))
}

/// Reads more into the buffer, or returns `beyond` if the buffer has reached its bound.
async fn more(wire: &mut Wire, bound: usize, beyond: Unreadable) -> Result<(), Unreadable> {
    if wire.buffer.len() >= bound {
        return Err(beyond);
    }
    if wire.fill().await? { Ok(()) } else { Err(Unreadable::Gone) }
}

/// Moves this many bytes from the connection to the body.
async fn take(wire: &mut Wire, length: usize, body: &mut BytesMut) -> Result<(), Unreadable> {
    let mut missing = length;
    if missing > MAX_BODY_BYTES - body.len() {
        return Err(Unreadable::Refuse(413));
    }
    loop {
        let piece = wire.buffer.split_to(missing.min(wire.buffer.len()));
        missing -= piece.len();
        body.extend_from_slice(&piece);
        if missing == 0 {
            return Ok(());
        }
        more(wire, MAX_BODY_BYTES, MALFORMED).await?;
    }
}

async fn read_chunks(
    wire: &mut Wire,
    body: &mut BytesMut,
    trailers: &mut HeaderMap,
) -> Result<(), Unreadable> {
    loop {
        match httparse::parse_chunk_size(&wire.buffer) {
            Ok(httparse::Status::Complete((consumed, size))) => {
                wire.buffer.advance(consumed);
                if size == 0 {
                    return read_trailers(wire, trailers).await;
                }
                let size = usize::try_from(size).map_err(|_| Unreadable::Refuse(413))?;
                take(wire, size, body).await?;
                let mut line_end = BytesMut::new();
                take(wire, 2, &mut line_end).await?;
                if line_end != "\r\n" {
                    return Err(MALFORMED);
                }
            }
            Ok(httparse::Status::Partial) => more(wire, MOST_HEAD_BYTES, MALFORMED).await?,
            Err(_) => return Err(MALFORMED),
        }
    }
}

async fn read_trailers(wire: &mut Wire, trailers: &mut HeaderMap) -> Result<(), Unreadable> {
    loop {
        let mut lines = [httparse::EMPTY_HEADER; MOST_HEADERS];
        match httparse::parse_headers(&wire.buffer, &mut lines) {
            Ok(httparse::Status::Complete((consumed, lines))) => {
                *trailers = to_map(lines)?;
                wire.buffer.advance(consumed);
                return Ok(());
            }
            Ok(httparse::Status::Partial) => {}
            Err(_) => return Err(MALFORMED),
        }
        more(wire, MOST_HEAD_BYTES, Unreadable::Refuse(431)).await?;
    }
}
