//! Looking at entries, whatever their state.

mod list;
mod show;
mod timeline;

use martello_outbox::{Cursor, Entry, Filter, Store, StoreError};

pub(crate) use list::list;
pub(crate) use show::{detail, meaning, show};

/// All that passes a filter, page by page, the newest first. What is stored meanwhile is newer than the cursor, so it
/// ends; and whether what was changed meanwhile still passes or not, the cursor leaves it behind.
pub(crate) struct EntryPages<'a> {
    store: &'a dyn Store,
    filter: &'a Filter,
    size: usize,
    /// Where the next page starts, if there is one.
    next: Option<Option<Cursor>>,
}

impl<'a> EntryPages<'a> {
    /// EntryPages of at most 1,000.
    pub(crate) fn new(store: &'a dyn Store, filter: &'a Filter, size: usize) -> Self {
        Self { store, filter, size, next: Some(None) }
    }

    /// The next page, or `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Entry>>, StoreError> {
        let Some(after) = self.next.take() else { return Ok(None) };
        let page = self.store.list(self.filter.clone(), after, self.size).await?;
        self.next = page.next.map(Some);
        Ok(Some(page.entries))
    }
}
