//! Looking at entries, whatever their state.

mod list;
mod pages;
mod show;
mod timeline;

pub(crate) use list::list;
pub(crate) use pages::Pages;
pub(crate) use show::{detail, meaning, show};
