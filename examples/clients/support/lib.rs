//! Shared by the examples of clients: the API that they call, a log that they can search, and the checks of a
//! run.

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

/// The error of an example.
pub type BoxError = Box<dyn Error + Send + Sync>;
