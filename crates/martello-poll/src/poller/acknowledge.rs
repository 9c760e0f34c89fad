use std::collections::BTreeMap;

use tokio::time::Instant;

use super::{FinishedPass, Poller, pending::park};
use crate::PollError;

impl Poller {
    /// Handles an acknowledgement: the first `count` items of the batch were processed, or rejected for these
    /// reasons.
    pub(crate) async fn acknowledge(
        &mut self,
        count: usize,
        mut rejected: BTreeMap<usize, String>,
    ) -> Result<(), PollError> {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        let rest = pending.items.split_off(count.min(pending.items.len()));
        for item in pending.items.drain(..) {
            let reason = rejected.remove(&item.index);
            self.unsaved.unpark.extend(pending.redelivered.get(&item.index));
            if let Some(reason) = reason {
                self.unsaved.park.push(park(item.version.as_ref(), &item.json, item.position, reason));
            }
            if let (Some(version), true) = (item.version, pending.redelivered.is_empty()) {
                self.delivered.insert(version);
            }
        }
        self.unsaved.progress = true;
        if !rest.is_empty() {
            pending.items = rest;
            self.pending = Some(pending);
            return Ok(());
        }
        self.unsaved.park.append(&mut pending.parks);
        self.reported.insert(pending.reported);
        if pending.last {
            self.end_pass();
        }
        self.unsaved.required |= !(self.unsaved.park.is_empty() && self.unsaved.unpark.is_empty());
        if self.unsaved.required { self.save().await } else { Ok(()) }
    }

    /// Ends a pass whose items are all acknowledged: moves the watermark, which takes effect when it is
    /// saved.
    pub(super) fn end_pass(&mut self) {
        let Some(pass) = self.pass.take() else { return };
        let (began, items) = (pass.began, pass.items);
        let conclusion = pass.conclude(self.checkpoint.watermark, self.options.source_keeps);
        self.checkpoint.watermark = conclusion.watermark;
        if !conclusion.not_modified {
            self.etag = conclusion.etag;
        }
        self.everything = false;
        self.unsaved.required = true;
        let failed = std::mem::take(&mut self.failed);
        let interval = self.schedule.after_pass(items == 0);
        let next = if failed { Instant::now() } else { began + interval };
        self.finished_pass = Some(FinishedPass { began, items, next });
    }
}
