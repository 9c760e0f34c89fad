//! Requests with the same key are delivered in the order in which they were stored, whichever process is
//! killed.

use std::collections::HashMap;

use martello::outbox::{Detail, EventKind, OrderKey};

/// Expects the entries from the newest to the oldest.
#[derive(Debug, Default)]
pub(crate) struct Order(HashMap<OrderKey, usize>);

impl Order {
    /// Checks that workers sent this entry before newer ones of its key. `sent` holds the indexes of its
    /// requests in the order of arrival.
    ///
    /// It ignores dead letters, because they block no other entry, and a replayed one is sent after newer
    /// ones. It also ignores calls through an `OutboxLayer`, which wait only for the entries that were stored
    /// before the call.
    pub(crate) fn check(&mut self, detail: &Detail, sent: &[usize]) -> Result<(), String> {
        let died = detail.events.iter().any(|event| event.kind == EventKind::DeadLettered);
        let (Some(key), Some(last), false) = (&detail.entry.order_key, sent.iter().max(), died) else {
            return Ok(());
        };
        let newer = self.0.entry(key.clone()).or_insert(usize::MAX);
        if last > newer {
            return Err(format!(
                "a newer entry of its key was sent as request {newer}, before this one as request {last}"
            ));
        }
        *newer = sent.iter().min().copied().unwrap_or(*newer);
        Ok(())
    }
}
