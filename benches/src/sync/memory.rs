use std::{convert::Infallible, fs};

use http::{Request, Response};
use martello::Body;
use tower::service_fn;

use super::subjects::drive;
use crate::{
    Error,
    measure::{Found, allocations},
};

async fn written(subject: &str, rows: u64) -> Result<(), Error> {
    let service = service_fn(|_: Request<Body>| async {
        // As if there were something to wait for.
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    match drive(subject, service, String::from("http://api.example/orders/"), rows).await? {
        written if written == rows => Ok(()),
        written => Err(format!("{written} of {rows} were written").into()),
    }
}

/// The peak resident size, in KiB.
fn peak() -> Result<f64, Error> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("the system does not tell")?;
    Ok(number.parse()?)
}

/// The memory that a run adds to the process, in total and per entity.
pub(super) async fn find(subject: &str, rows: u64) -> Result<Vec<Found>, Error> {
    let (before, began) = (peak()?, tokio::time::Instant::now());
    written(subject, rows).await?;
    let micros = began.elapsed().as_secs_f64() * 1e6 / rows as f64;
    let mib = (peak()? - before) / 1024.0;
    Ok(vec![Found::new("peak_mib", mib, "MiB"), Found::new("us_per_entity", micros, "us")])
}

/// The allocations of one entity: the difference of two runs of different lengths.
pub(super) async fn allocations(subject: &str) -> Result<Vec<Found>, Error> {
    const ROWS: u64 = 2_000;
    let mut counts = Vec::new();
    for rows in [ROWS, ROWS, 2 * ROWS] {
        let before = allocations::so_far();
        written(subject, rows).await?;
        counts.push(allocations::so_far() - before);
    }
    let [_, short, long] = counts.as_slice() else { return Err("nothing was counted".into()) };
    let each = (*long as f64 - *short as f64) / ROWS as f64;
    Ok(vec![Found::new("allocations", each, "allocations")])
}
