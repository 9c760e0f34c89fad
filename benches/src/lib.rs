//! What the layers cost, beside what a user would pick instead: the rooms of `overhead` and `allocations`.

pub mod case;
pub mod fixture;
pub mod measure;
pub mod subjects;
