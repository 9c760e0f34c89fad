//! A TCP proxy in front of the server, whose connections can go silent. As behind a NAT that dropped its
//! state, no data arrives and neither side gets an error.

use std::net::{Ipv4Addr, SocketAddr};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// The proxy and its connections end when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    silences: watch::Sender<u64>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// Starts a proxy in front of the server of this URL.
    pub(crate) async fn to(url: &str) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), url).await
    }

    /// Starts a proxy that listens on this address.
    pub(crate) async fn at(address: SocketAddr, url: &str) -> Self {
        let server: PgConnectOptions = url.parse().unwrap();
        let server = (server.get_host().trim_matches(['[', ']']).to_owned(), server.get_port());
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (silences, _) = watch::channel(0);
        let heard = silences.clone();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(forward(client, server.clone(), heard.subscribe()));
            }
        });
        Self { address, silences, _accepting: accepting }
    }

    /// Changes a URL of the server into one of this proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).unwrap();
        let (host, port) = (self.address.ip(), self.address.port());
        let host = if host.is_ipv6() { format!("[{host}]") } else { host.to_string() };
        url.set_host(Some(&host)).unwrap();
        url.set_port(Some(port)).unwrap();
        url.into()
    }

    /// Silences the existing connections. New ones work.
    pub(crate) fn silence(&self) {
        self.silences.send_modify(|silences| *silences += 1);
    }
}

async fn forward(mut client: TcpStream, server: (String, u16), mut silences: watch::Receiver<u64>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        // Both ends stay open.
        _ = silences.changed() => std::future::pending().await,
    }
}
