use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use martello::Body;
use tokio::{net::TcpListener, task::JoinSet, time::Instant};

use super::subjects::drive;
use crate::{Error, measure::Found};

const ROWS: u64 = 1_000;
const LATENCY: Duration = Duration::from_millis(100);

/// The measurements of the server.
#[derive(Default)]
struct Seen {
    nanos: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

/// Answers from its own thread until the process ends.
fn serve(slow: bool, seen: Arc<Seen>) -> Result<SocketAddr, Error> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || runtime.block_on(accept(listener, slow, seen)));
    Ok(address)
}

async fn accept(listener: std::net::TcpListener, slow: bool, seen: Arc<Seen>) -> Result<Infallible, Error> {
    let listener = TcpListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let seen = Arc::clone(&seen);
        let service = service_fn(move |request| answer(request, slow, Arc::clone(&seen)));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    slow: bool,
    seen: Arc<Seen>,
) -> Result<Response<Body>, Infallible> {
    let began = Instant::now();
    let now = seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    seen.most_in_flight.fetch_max(now, Ordering::SeqCst);
    let row: u64 =
        request.uri().path().rsplit('/').next().and_then(|row| row.parse().ok()).unwrap_or_default();
    let is_slow = slow && row % 50 == 10 && row + 100 < ROWS;
    tokio::time::sleep(if is_slow { LATENCY * 20 } else { LATENCY }).await;
    let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    seen.nanos.fetch_add(nanos, Ordering::SeqCst);
    seen.in_flight.fetch_sub(1, Ordering::SeqCst);
    Ok(Response::new(Body::from("written")))
}

/// The sum of the server's response times, over five lanes, relative to the time of the run.
pub(super) async fn find(subject: &str, slow: bool) -> Result<Vec<Found>, Error> {
    let seen = Arc::new(Seen::default());
    let address = serve(slow, Arc::clone(&seen))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let began = Instant::now();
    let written = drive(subject, client, format!("http://{address}/orders/"), ROWS).await?;
    let took = began.elapsed().as_secs_f64();
    let most = seen.most_in_flight.load(Ordering::SeqCst);
    if written != ROWS || most > 5 {
        return Err(format!("{written} of {ROWS} were written, with {most} in flight").into());
    }
    let work = seen.nanos.load(Ordering::SeqCst) as f64 / 1e9;
    Ok(vec![
        Found::new("efficiency", work / 5.0 / took, "ratio"),
        Found::new("latency_ms", work * 1e3 / ROWS as f64, "ms"),
    ])
}
