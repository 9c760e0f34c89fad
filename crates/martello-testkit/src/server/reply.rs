use std::time::Duration;

use bytes::Bytes;

/// How the [`Server`](super::Server) handles one request: with a response, a fault, or a response with a
/// fault in it.
///
/// The faults combine: `Reply::status(503).delay(..).body(..).cut_after(10)` waits, declares the length of
/// the whole body, sends ten bytes of it and closes. If several ways to end are set (`stall_after`,
/// `cut_after`, `reset_after`, `close_connection`), the last one wins.
///
/// ```
/// use std::time::Duration;
///
/// use martello_testkit::{Reply, Server};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let server = Server::start().await?;
/// server.replies([
///     Reply::status(503).header("retry-after", "1"),
///     Reply::ok().body("the whole body").cut_after(3),
///     Reply::status(201).delay(Duration::from_millis(50)),
/// ]);
/// # Ok(())
/// # }
/// ```
///
/// A response to `HEAD`, or with status 1xx, 204 or 304, has no body, even if one is scripted. `HEAD` and 304
/// still declare the length.
#[derive(Debug, Clone)]
#[must_use = "a reply does nothing until it is handed to a server"]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(Bytes, Bytes)>,
    pub(super) content: Content,
    pub(super) framing: Framing,
    pub(super) interim: Vec<u16>,
    pub(super) delay: Duration,
    pub(super) pace: Option<(usize, Duration)>,
    pub(super) at: At,
    /// The number of bytes of the body to send before the end.
    pub(super) limit: Option<usize>,
    pub(super) end: End,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Nothing,
    Raw(Bytes),
    Body(Bytes),
    EndlessBody,
    EndlessHeaders,
}

#[derive(Debug, Clone)]
pub(super) enum Framing {
    Length(Option<u64>),
    Chunked(Vec<(Bytes, Bytes)>),
}

/// When the reply is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    BodyRead,
    HeadRead,
    /// Like `HeadRead`, but the body is never read.
    NeverReadBody,
}

/// What happens to the connection after the last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    KeepAlive,
    Close,
    Stall,
    Reset,
}

impl Reply {
    /// A reply with this status, no headers and an empty body.
    ///
    /// The number is not checked. After a 101, which ends HTTP on the connection, the server stays silent
    /// until the peer leaves.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: Content::Body(Bytes::new()),
            framing: Framing::Length(None),
            interim: Vec::new(),
            delay: Duration::ZERO,
            pace: None,
            at: At::BodyRead,
            limit: None,
            end: End::KeepAlive,
        }
    }

    /// A reply with status 200 and an empty body.
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// A reply that writes exactly these bytes and leaves the connection open.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Raw(bytes.into()), ..Self::ok() }
    }

    /// Closes the connection without a response, after the request has been read.
    pub fn close() -> Self {
        Self { content: Content::Nothing, end: End::Close, ..Self::ok() }
    }

    /// Closes the connection as soon as the request's head has arrived, without reading the body.
    ///
    /// If bytes of the body have already arrived, the kernel sends a reset.
    pub fn close_before_reading() -> Self {
        Self { at: At::NeverReadBody, ..Self::close() }
    }

    /// Resets the connection (TCP RST) without a response, after the request has been read.
    pub fn reset() -> Self {
        Self { end: End::Reset, ..Self::close() }
    }

    /// Never responds: reads the request, then stays silent until the peer leaves.
    pub fn silence() -> Self {
        Self { end: End::Stall, ..Self::close() }
    }

    /// Sends a head that does not end, up to 64 MiB, with this reply's status and headers first.
    pub fn endless_headers() -> Self {
        Self { content: Content::EndlessHeaders, end: End::Close, ..Self::ok() }
    }

    /// Adds a header line. Names may repeat. The name and the value are not checked: control characters are
    /// sent unchanged.
    ///
    /// A `content-length` or `transfer-encoding` replaces the server's own line, and does not change how the
    /// body is sent.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(line(name, value));
        self
    }

    /// Sets the body, sent with a `content-length`.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.content = Content::Body(body.into());
        self
    }

    /// Sends an endless body in chunks, until the peer leaves or 256 MiB are sent.
    pub fn endless_body(mut self) -> Self {
        self.content = Content::EndlessBody;
        self.end = End::Close;
        self.chunked()
    }

    /// Sends the body in chunks instead of with a `content-length`: chunks of 16 KiB, or of
    /// [`trickle`](Self::trickle)'s size.
    pub fn chunked(mut self) -> Self {
        if !matches!(self.framing, Framing::Chunked(_)) {
            self.framing = Framing::Chunked(Vec::new());
        }
        self
    }

    /// Adds a trailer after the body. Implies [`chunked`](Self::chunked).
    pub fn trailer(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self = self.chunked();
        if let Framing::Chunked(trailers) = &mut self.framing {
            trailers.push(line(name, value));
        }
        self
    }

    /// Declares this `content-length`, whatever the body's real length, and closes the connection after the
    /// body.
    pub fn declare_length(mut self, length: u64) -> Self {
        self.framing = Framing::Length(Some(length));
        self.end = End::Close;
        self
    }

    /// Sends an informational response (100 to 199, except 101) before the final head. Can be called several
    /// times.
    pub fn interim(mut self, status: u16) -> Self {
        self.interim.push(status);
        self
    }

    /// Waits before the head is sent, after any [`interim`](Self::interim) response.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sends the body in pieces of `size` bytes (at least 1), and waits for the time `every` between two
    /// pieces. The first piece is sent with the head.
    pub fn trickle(mut self, size: usize, every: Duration) -> Self {
        self.pace = Some((size.max(1), every));
        self
    }

    /// Responds as soon as the request's head has arrived. The body is read after the response.
    ///
    /// A request that expects `100-continue` gets a 100 only if it is scripted as [`interim`](Self::interim).
    /// If none of the request's body has arrived when the server responds, the response has `connection:
    /// close`, and the connection closes without the body (RFC 9110 §10.1.1).
    ///
    /// For scripted replies only: the handler is called after the whole body has been read.
    pub fn early(mut self) -> Self {
        self.at = At::HeadRead;
        self
    }

    /// Sends this many bytes of the body, then stays silent until the peer leaves.
    pub fn stall_after(self, bytes: usize) -> Self {
        self.ends(bytes, End::Stall)
    }

    /// Sends this many bytes of the body, then closes the connection.
    pub fn cut_after(self, bytes: usize) -> Self {
        self.ends(bytes, End::Close)
    }

    /// Sends this many bytes of the body, then resets the connection (TCP RST).
    ///
    /// Bytes that the peer has not received by then are lost.
    pub fn reset_after(self, bytes: usize) -> Self {
        self.ends(bytes, End::Reset)
    }

    /// Sends `connection: close` with the head and closes after the body.
    pub fn close_connection(mut self) -> Self {
        self.end = End::Close;
        self.header("connection", "close")
    }

    fn ends(mut self, bytes: usize, end: End) -> Self {
        self.limit = Some(bytes);
        self.end = end;
        self
    }
}

fn line(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> (Bytes, Bytes) {
    (Bytes::copy_from_slice(name.as_ref()), Bytes::copy_from_slice(value.as_ref()))
}
