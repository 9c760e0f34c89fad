use super::{data::Data, row::Row};
use crate::{Cursor, Entry, Filter, Page, StoreError, store::arguments::check_list_limit};

impl Data {
    pub(super) fn list(
        &self,
        filter: &Filter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        check_list_limit(limit)?;
        let end = after.map_or(i64::MAX, |Cursor(place)| place);
        let mut rest = self.rows.range(..end).rev().filter(|(_, row)| passes(row, filter)).peekable();
        let mut last = None;
        let mut entries = Vec::new();
        for (place, row) in rest.by_ref().take(limit) {
            last = Some(Cursor(*place));
            entries.push(row.entry.clone());
        }
        Ok(Page { entries, next: rest.peek().and(last) })
    }
}

pub(super) fn passes(row: &Row, filter: &Filter) -> bool {
    let entry: &Entry = &row.entry;
    let host = entry.uri.host().unwrap_or_default();
    wanted(&filter.id, |id| entry.id == *id)
        && wanted(&filter.queue, |queue| entry.queue == *queue)
        && wanted(&filter.state, |state| entry.state == *state)
        && wanted(&filter.reason, |reason| entry.reason == Some(*reason))
        && wanted(&filter.host, |wanted| host.eq_ignore_ascii_case(wanted))
        && wanted(&filter.status, |status| entry.last_status.is_some_and(|last| last.as_u16() == *status))
        && wanted(&filter.outcome, |word| entry.last_outcome.is_some_and(|last| last.as_str() == word))
        && wanted(&filter.tracking_id, |id| {
            row.attempts.iter().any(|attempt| attempt.tracking_id.is_some_and(|of| of.as_str() == id))
        })
        && wanted(&filter.order_key, |key| entry.order_key.as_ref() == Some(key))
        && wanted(&filter.job, |job| entry.job == Some(*job))
        && wanted(&filter.changed_since, |since| entry.changed_at >= *since)
        && wanted(&filter.changed_before, |before| entry.changed_at < *before)
}

fn wanted<T>(condition: &Option<T>, holds: impl Fn(&T) -> bool) -> bool {
    condition.as_ref().is_none_or(holds)
}
