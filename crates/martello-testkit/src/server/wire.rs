use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The most bytes that are read ahead.
const MOST_READ_AHEAD: usize = 17 * 1024 * 1024;

/// A connection, and the bytes that were read from it and not yet parsed.
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    pub(super) buffer: BytesMut,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // NOTE: without this, Nagle's algorithm would delay a trickled response.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: BytesMut::new() }
    }

    /// Reads more into the buffer. Returns false if the peer has closed its side.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Whether more bytes have arrived.
    pub(super) fn has_more(&mut self) -> bool {
        !self.buffer.is_empty() || self.stream.try_read_buf(&mut self.buffer).is_ok_and(|bytes| bytes > 0)
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits for this time, or fails if the peer leaves. Buffers what the peer sends.
    pub(super) async fn pause(&mut self, wait: Duration) -> io::Result<()> {
        if wait.is_zero() {
            return Ok(());
        }
        let peer_leaves = async {
            while self.buffer.len() < MOST_READ_AHEAD {
                if !self.fill().await? {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            left = peer_leaves => left,
        }
    }

    /// Waits until the peer leaves, and discards what it sends.
    pub(super) async fn departure(&mut self) {
        while let Ok(true) = self.fill().await {
            self.buffer.clear();
        }
    }

    /// Closes the sending side, then waits for the peer to close, so that unread bytes do not turn the close
    /// into a reset.
    pub(super) async fn close(mut self) {
        if self.stream.shutdown().await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(1), self.departure()).await;
        }
    }

    /// Resets the connection at once.
    pub(super) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}
