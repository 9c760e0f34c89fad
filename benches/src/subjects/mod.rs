//! What is measured: each subject is a service, built in the file of its maker around the client of its
//! place.

mod bare;
mod drive;
mod layers;
#[cfg(feature = "peers")]
mod reqwest;
#[cfg(feature = "peers")]
mod resilience;
mod stack;
#[cfg(feature = "peers")]
mod tower;
mod waiting;

pub use drive::{Drive, Driven, Subject, Tally};

use crate::{Error, case::Case, place::Place};

/// A subject, or nothing where it cannot do the case.
type Made = Result<Option<Box<dyn Subject>>, Error>;

/// All of them, in the order of the table, and the file that builds each.
pub const ALL: &[(&str, &str)] = &[
    ("bare", "bare.rs"),
    ("martello_limit", "layers.rs"),
    ("martello_retry", "layers.rs"),
    ("martello_tracking", "layers.rs"),
    ("martello_log", "layers.rs"),
    ("martello_four", "layers.rs"),
    ("martello_stack", "stack.rs"),
    ("martello_stack_request_id", "stack.rs"),
    ("tower_limit", "tower.rs"),
    ("tower_retry", "tower.rs"),
    ("tower_by_hand", "tower.rs"),
    ("tower_by_hand_lean", "tower.rs"),
    ("tower_resilience_bare", "resilience.rs"),
    ("tower_resilience", "resilience.rs"),
    ("reqwest", "reqwest.rs"),
    ("reqwest_middleware", "reqwest.rs"),
];

/// The subject of this name, or nothing where it cannot do the case.
///
/// # Errors
///
/// When no subject has the name, or its maker refuses the configuration.
pub fn make(name: &str, case: Case, place: &Place) -> Made {
    let uri = place.uri();
    match (maker(name)?, place) {
        ("bare.rs", Place::Memory(client)) => Ok(bare::subject(case, client.clone(), uri)),
        ("bare.rs", Place::Loopback(server)) => Ok(bare::subject(case, server.client(), uri)),
        ("layers.rs", Place::Memory(client)) => layers::subject(name, case, client.clone(), uri),
        ("layers.rs", Place::Loopback(server)) => layers::subject(name, case, server.client(), uri),
        ("stack.rs", Place::Memory(client)) => stack::subject(name, case, client.clone(), uri),
        ("stack.rs", Place::Loopback(server)) => stack::subject(name, case, server.client(), uri),
        #[cfg(feature = "peers")]
        ("tower.rs", Place::Memory(client)) => Ok(tower::subject(name, case, client.clone(), uri)),
        #[cfg(feature = "peers")]
        ("tower.rs", Place::Loopback(server)) => Ok(tower::subject(name, case, server.client(), uri)),
        #[cfg(feature = "peers")]
        ("resilience.rs", Place::Memory(client)) => resilience::subject(name, case, client.clone(), uri),
        #[cfg(feature = "peers")]
        ("resilience.rs", Place::Loopback(server)) => resilience::subject(name, case, server.client(), uri),
        #[cfg(feature = "peers")]
        ("reqwest.rs", place) => reqwest::subject(name, case, place),
        _ => Err(format!("{name} needs the feature `peers`").into()),
    }
}

/// Whether what this file builds is part of this build.
#[must_use]
pub fn are_built(file: &str) -> bool {
    cfg!(feature = "peers") || matches!(file, "bare.rs" | "layers.rs" | "stack.rs")
}

fn maker(name: &str) -> Result<&'static str, Error> {
    let found = ALL.iter().find(|(subject, _)| *subject == name);
    found.map(|(_, file)| *file).ok_or_else(|| format!("no subject is called {name}").into())
}
