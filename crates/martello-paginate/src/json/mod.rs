//! Pages whose items are in a JSON body.

mod cursor;
mod document;
mod link;
mod link_header;
mod pointer;
mod template;

pub use cursor::JsonCursor;
pub use link::JsonLink;
