//! A body whose every poll is decided.

mod handle;
mod scripted;
mod step;

pub use self::{handle::ScriptHandle, scripted::ScriptedBody, step::ScriptedError};
