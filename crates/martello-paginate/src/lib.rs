#![doc = include_str!("../README.md")]

mod error;
mod fetch;
mod items;
mod json;
mod paged;
mod pages;
mod paginate;
mod position;
mod query_name;
mod walk;

pub use error::{PageError, PageErrorKind};
pub use items::Items;
pub use json::{JsonCursor, JsonLink};
pub use martello_outcome::{BoxError, CallError, ConfigError, TrackingId};
pub use paged::{Page, PageResponse, Paged, ParseError, ParsedPage};
pub use pages::Pages;
pub use paginate::Paginate;
pub use position::{InvalidPosition, Position};
pub use query_name::QueryName;
