//! A TCP proxy in front of the server, whose connections can go silent: as behind a NAT that has forgotten them,
//! nothing arrives any more, and nobody is told.

use std::net::{Ipv4Addr, SocketAddr};

use sqlx::postgres::PgConnectOptions;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// It ends, with its connections, when it is dropped.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    silences: watch::Sender<u64>,
    _accepting: JoinSet<()>,
}

impl Proxy {
    /// In front of the server of this URL.
    pub(crate) async fn to(url: &str) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), url).await
    }

    /// The same, listening here.
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

    /// A URL of the server, as one of this proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let mut url = url::Url::parse(url).unwrap();
        let (host, port) = (self.address.ip(), self.address.port());
        let host = if host.is_ipv6() { format!("[{host}]") } else { host.to_string() };
        url.set_host(Some(&host)).unwrap();
        url.set_port(Some(port)).unwrap();
        url.into()
    }

    /// From now on, nothing goes through the connections that there are. New ones work.
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
