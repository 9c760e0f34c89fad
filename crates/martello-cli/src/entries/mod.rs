//! Lists and shows entries of any state.

mod list;
mod show;
mod timeline;

use martello_outbox::{Cursor, Entry, Filter, Store, StoreError};

pub(crate) use list::list;
pub(crate) use show::{detail, meaning, show};

/// All entries that match a filter, page by page, newest first.
///
/// Entries stored in the meantime are newer than the cursor, so the walk ends. An entry that changes in the
/// meantime is not visited twice.
pub(crate) struct EntryPages<'a> {
    store: &'a dyn Store,
    filter: &'a Filter,
    size: usize,
    /// The cursor of the next page; `None` after the last page.
    next: Option<Option<Cursor>>,
}

impl<'a> EntryPages<'a> {
    /// `size` is at most 1,000 entries.
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
