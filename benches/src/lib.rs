//! What the layers, the outbox and the upserts cost, beside what a user would pick instead: the rooms of `overhead`,
//! `allocations`, `outbox` and `sync`.

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

/// Whatever went wrong: the measurement stops, and says it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
