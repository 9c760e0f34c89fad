//! What the clients' examples share: the API that they call, a log that can be looked at, and what a run must show.

mod log;
mod planner;
mod run;
mod server;
mod tls;

use std::error::Error;

pub use self::{
    log::Log,
    planner::Planner,
    run::{PLAN_TIMEOUT, Run, deliver},
    server::Server,
    tls::{Protocols, Tls},
};

/// Why an example ends early, or with a fault.
pub type BoxError = Box<dyn Error + Send + Sync>;
