#![doc = include_str!("../README.md")]

mod error;
mod excerpt;
mod fetch;
mod in_flight;
mod items;
mod json;
mod origin;
mod page;
mod paged;
mod pages;
mod paginate;
mod position;
mod query_name;
mod visited;
mod walk;

pub use error::{PageError, PageErrorKind};
pub use items::Items;
pub use json::{JsonCursor, JsonLink};
pub use martello_outcome::{BoxError, CallError, ConfigError, TrackingId};
pub use page::Page;
pub use paged::{PageResponse, Paged, ParseError, ParsedPage};
pub use pages::Pages;
pub use paginate::Paginate;
pub use position::{InvalidPosition, Position};
pub use query_name::QueryName;
