//! What the layers cost, beside what a user would pick instead: the rooms of `overhead` and `allocations`.

pub mod case;
pub mod fixture;
pub mod listener;
pub mod measure;
pub mod place;
pub mod plan;
pub mod report;
pub mod subjects;

/// Whatever went wrong: the measurement stops, and says it.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
