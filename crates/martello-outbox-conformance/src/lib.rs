#![doc = include_str!("../README.md")]

mod check;
mod engine;
mod fixture;
mod histories;
mod macros;
mod scenario;
mod scenarios;
mod violation;

pub use martello_outcome::BoxError;

#[doc(hidden)]
pub use self::macros::{run, run_histories};
pub use self::{
    engine::Engine, histories::check_histories, macros::check, scenario::Scenario, violation::Violation,
};
#[doc(inline)]
pub use crate::__outbox_conformance_tests as tests;
