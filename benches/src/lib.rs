//! What the layers and the outbox cost, beside what a user would pick instead: the rooms of `overhead`, `allocations` and
//! `outbox`.

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

/// Whatever went wrong: the measurement stops, and says it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
