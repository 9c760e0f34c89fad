//! A planner with faults, to try a client by hand. One request in ten meets a fault. For each order that is
//! written a planning is released, up to a second late.
//!
//! ```text
//! cargo run -p martello-planner --example planner -- 127.0.0.1:18080
//! ```
//!
//! It ends when its standard input ends, and prints what it received.

use std::{
    env,
    error::Error,
    io::{self, Write},
    time::Duration,
};

use martello_planner::{Faults, Planner};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let planner = Planner::builder()
        .address(address)
        .faults(Faults::bad_network())
        .latency(Duration::from_millis(5))
        .plan_orders(Duration::from_secs(1))
        .start()
        .await?;
    writeln!(io::stdout(), "{}", planner.uri("/"))?;
    tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await??;
    let (entities, most) = (planner.entities().len(), planner.most_in_flight());
    let requests = planner.exchanges().len();
    writeln!(io::stdout(), "{entities} entities, {requests} requests, at most {most} at a time")?;
    Ok(())
}
