//! Looking at entries, whatever their state.

mod list;
mod show;
mod timeline;

pub(crate) use list::list;
pub(crate) use show::{detail, show};
