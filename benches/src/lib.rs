//! The costs of the layers, the outbox and the upserts, compared with alternatives: the library of the
//! programs `overhead`, `allocations`, `outbox` and `sync`.

pub mod case;
pub mod fixture;
pub mod listener;
pub mod measure;
#[cfg(feature = "outbox")]
pub mod outbox;
pub mod place;
pub mod plan;
pub mod report;
pub mod subjects;
#[cfg(feature = "sync")]
pub mod sync;

/// Any error. It ends the measurement and is printed.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
