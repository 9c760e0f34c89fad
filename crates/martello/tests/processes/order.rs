//! What was stored first of a key is delivered first, whoever dies in between.

use std::collections::HashMap;

use martello::outbox::{Detail, EventKind, OrderKey};

/// Entries are shown to it from the newest to the oldest.
#[derive(Debug, Default)]
pub(crate) struct Order(HashMap<OrderKey, usize>);

impl Order {
    /// Takes note of when workers sent this entry, as places in the order in which the server received everything.
    ///
    /// A dead letter keeps nobody back, and one that is replayed comes after newer ones: neither says anything. Nor does
    /// a call at the door, which only waits for what was stored when it came.
    pub(crate) fn check(&mut self, detail: &Detail, sent: &[usize]) -> Result<(), String> {
        let died = detail.events.iter().any(|event| event.kind == EventKind::Died);
        let (Some(key), Some(last), false) = (&detail.entry.order_key, sent.iter().max(), died) else {
            return Ok(());
        };
        let newer = self.0.entry(key.clone()).or_insert(usize::MAX);
        if last > newer {
            return Err(format!("a newer one of its key was sent as request {newer}, and it as {last}"));
        }
        *newer = sent.iter().min().copied().unwrap_or(*newer);
        Ok(())
    }
}
