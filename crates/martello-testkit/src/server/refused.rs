use std::{io, net::SocketAddr};

use http::Uri;
use tokio::net::TcpSocket;

/// A loopback port that refuses every connection while this value lives.
///
/// The port is bound without a listener, so no other test and no other process can get it in the meantime.
#[derive(Debug)]
pub struct Refused {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl Refused {
    pub(super) fn bind() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(super::any_port())?;
        Ok(Self { address: socket.local_addr()?, _socket: socket })
    }

    /// The address that refuses connections.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An `http` URI of this port, built like [`Server::uri`](super::Server::uri).
    #[must_use]
    pub fn uri(&self, path: &str) -> Uri {
        super::uri(self.address, path)
    }
}
