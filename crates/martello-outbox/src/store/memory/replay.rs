use std::time::Duration;

use super::{
    data::{Data, Job},
    list::passes,
    row::{Moment, Row},
};
use crate::{
    EntryId, EventKind, Filter, JobId, ReplayJob, State, StoreError, WhenOvertaken,
    store::arguments::check_replay_rate,
};

impl Data {
    pub(super) fn replay(
        &mut self,
        filter: Filter,
        per_second: f64,
        overtaken: WhenOvertaken,
        at: &mut Moment,
    ) -> Result<ReplayJob, StoreError> {
        check_replay_rate(per_second)?;
        let most = usize::try_from(ReplayJob::MOST).unwrap_or(usize::MAX);
        let dead = self.rows.values().filter(|row| row.entry.state == State::Dead && passes(row, &filter));
        let dead: Vec<EntryId> = dead.take(most).map(|row| row.entry.id).collect();
        if overtaken == WhenOvertaken::Refuse
            && let Some(refusal) = dead.iter().find_map(|id| self.refusal(*id))
        {
            return Err(refusal);
        }
        let id = JobId::new();
        let mut total: u32 = 0;
        for dead in dead {
            let in_the_way = self.newer_is_leased(dead);
            let row = self.row_mut(dead)?;
            let wait = Duration::try_from_secs_f64(f64::from(total) / per_second).unwrap_or(Duration::MAX);
            row.replay(at.after(wait), in_the_way, at);
            row.entry.job = Some(id);
            row.untouched = true;
            row.note(EventKind::Replayed, Some(id.to_string().into()), at);
            total += 1;
        }
        self.jobs.push(Job {
            id,
            created_at: at.now,
            cancelled_at: None,
            filter,
            per_second,
            total: total.into(),
            returned: 0,
        });
        self.replayed(id)
    }

    pub(super) fn replays(&self) -> Vec<ReplayJob> {
        self.jobs.iter().rev().map(|job| self.progress(job)).collect()
    }

    pub(super) fn cancel_replay(&mut self, id: JobId, at: &mut Moment) -> Result<ReplayJob, StoreError> {
        let found = self.jobs.iter_mut().find(|job| job.id == id).ok_or_else(|| StoreError::no_replay(id))?;
        if found.cancelled_at.is_none() {
            found.cancelled_at = Some(at.now);
            for row in self.rows.values_mut().filter(|row| row.entry.job == Some(id) && row.untouched) {
                row.go(State::Dead, at);
                row.untouched = true;
                row.note(EventKind::Returned, Some(id.to_string().into()), at);
                found.returned += 1;
            }
        }
        self.replayed(id)
    }

    fn replayed(&self, id: JobId) -> Result<ReplayJob, StoreError> {
        let job = self.jobs.iter().find(|job| job.id == id).ok_or_else(|| StoreError::no_replay(id))?;
        Ok(self.progress(job))
    }

    fn progress(&self, job: &Job) -> ReplayJob {
        let count = |is: fn(&Row) -> bool| self.count(|row| row.entry.job == Some(job.id) && is(row));
        ReplayJob {
            id: job.id,
            created_at: job.created_at,
            cancelled_at: job.cancelled_at,
            filter: job.filter.clone(),
            per_second: job.per_second,
            total: job.total,
            returned: job.returned,
            pending: count(|row| row.entry.state.is_pending()),
            done: count(|row| row.entry.state == State::Done),
            dead: count(|row| row.entry.state == State::Dead && !row.untouched),
        }
    }
}
