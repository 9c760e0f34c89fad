use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// So much is read ahead of what is being parsed.
const MOST_READ_AHEAD: usize = 17 * 1024 * 1024;

/// A connection and what was read from it but not yet used.
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    pub(super) buffer: BytesMut,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        // NOTE: without this, a trickled response would be held back by Nagle's algorithm.
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: BytesMut::new() }
    }

    /// Reads more into the buffer; false when the peer has sent its last byte.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Whether more has arrived already.
    pub(super) fn has_more(&mut self) -> bool {
        !self.buffer.is_empty() || self.stream.try_read_buf(&mut self.buffer).is_ok_and(|bytes| bytes > 0)
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Waits, unless the peer leaves meanwhile. What it sends is kept for later.
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

    /// Waits until the peer leaves, and throws away what it still sends.
    pub(super) async fn departure(&mut self) {
        while let Ok(true) = self.fill().await {
            self.buffer.clear();
        }
    }

    /// Ends our side, then waits for the peer's end, so that no unread byte turns the close into a reset.
    pub(super) async fn close(mut self) {
        if self.stream.shutdown().await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(1), self.departure()).await;
        }
    }

    /// Closes at once, with a reset instead of an orderly end.
    pub(super) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}
