use std::collections::HashMap;

use martello_outbox::{Detail, Entry, EventKind, Filter, JobId, ReplayJob};

/// The replays by the engine's names and by the model's.
#[derive(Default)]
pub(super) struct Jobs {
    /// In the order in which they were made: the engine's, the model's.
    pairs: Vec<(JobId, JobId)>,
    models: HashMap<JobId, JobId>,
}

impl Jobs {
    pub(super) fn add(&mut self, engine: JobId, model: JobId) {
        self.pairs.push((engine, model));
        self.models.insert(engine, model);
    }

    /// One of them; before there are any, one that is not there.
    pub(super) fn pick(&self, pick: u8) -> (JobId, JobId) {
        let nth = usize::from(pick) % self.pairs.len().max(1);
        self.pairs.get(nth).copied().unwrap_or_else(|| {
            let unknown = JobId::new();
            (unknown, unknown)
        })
    }

    /// What the model calls it.
    fn model(&self, engine: JobId) -> JobId {
        self.models.get(&engine).copied().unwrap_or(engine)
    }

    pub(super) fn entry(&self, entry: Entry) -> Entry {
        Entry { job: entry.job.map(|job| self.model(job)), ..entry }
    }

    pub(super) fn detail(&self, mut detail: Detail) -> Detail {
        for event in &mut detail.events {
            if matches!(event.kind, EventKind::Replayed | EventKind::Returned) {
                let job = event.detail.as_deref().and_then(|text| text.parse::<JobId>().ok());
                event.detail = job.map(|job| self.model(job).to_string().into()).or(event.detail.take());
            }
        }
        Detail { entry: self.entry(detail.entry), ..detail }
    }

    pub(super) fn replay(&self, job: ReplayJob) -> ReplayJob {
        let of = job.filter.job.map(|job| self.model(job));
        ReplayJob { id: self.model(job.id), filter: Filter { job: of, ..job.filter }, ..job }
    }
}
