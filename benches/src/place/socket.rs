use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    task::JoinSet,
};

use crate::{Error, fixture::Answers};

/// A hyper server on 127.0.0.1, in its own thread, which ends with the process.
#[derive(Clone, Debug)]
pub struct Loopback {
    address: SocketAddr,
    answers: Answers,
    connections: Arc<AtomicU64>,
}

impl Loopback {
    pub(super) fn start(answers: Answers) -> Result<Self, Error> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let connections = Arc::new(AtomicU64::new(0));
        let this = Self { address: listener.local_addr()?, answers, connections };
        let (server, runtime) = (this.clone(), runtime::Builder::new_current_thread().enable_all().build()?);
        thread::spawn(move || runtime.block_on(server.serve(listener)));
        Ok(this)
    }

    async fn serve(self, listener: std::net::TcpListener) -> Result<(), Error> {
        let listener = TcpListener::from_std(listener)?;
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await?;
            self.connections.fetch_add(1, Ordering::Relaxed);
            connections.spawn(connection(stream, self.answers.clone()));
            while connections.try_join_next().is_some() {}
        }
    }

    /// The client of all subjects except reqwest's.
    #[must_use]
    pub fn client<B>(&self) -> Client<HttpConnector, B>
    where
        B: http_body::Body<Data: Send, Error: Into<Error>> + Send + Unpin + 'static,
    {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
    }

    pub(super) fn answers(&self) -> &Answers {
        &self.answers
    }

    pub(super) fn uri(&self) -> Uri {
        let uri = format!("http://{}/planning/v1/orders/DO-1", self.address);
        uri.parse().unwrap_or_default()
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl<B> super::Client<B> for Client<HttpConnector, B>
where
    B: http_body::Body<Data: Send, Error: Into<Error>> + Send + Unpin + 'static,
{
    type Body = Incoming;
}

/// Serves until the client closes or resets the connection. Neither is an error.
async fn connection(stream: TcpStream, answers: Answers) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| answer(request, &answers));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, answers: &Answers) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let bytes = body.map_or(0, |body| body.to_bytes().len() as u64);
    Ok(answers.answer(bytes).map(Full::new))
}
