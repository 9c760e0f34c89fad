use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;

use super::{
    data::Data,
    hold::Admission,
    row::{CurrentLease, Moment, Row},
};
use crate::{
    AttemptRecord, Entry, OrderKey, Overtaken, QueueName, Reason, State, StoreError,
    store::{Claimed, End, Lease, Settled, Settlement, Turn, Turned, arguments::check_cap},
};

/// How many expired entries one turn moves.
const EXPIRED_AT_ONCE: usize = 100;

impl Data {
    pub(super) fn turn(&mut self, turn: &Turn, at: &mut Moment) -> Result<Turned, StoreError> {
        check_cap(turn.cap)?;
        let settled = turn.settle.iter().map(|settlement| self.settle(settlement, at)).collect();
        let mut dead_letters = Vec::new();
        let reclaimed_leases = self.reap(&turn.queue, &mut dead_letters, at);
        let more_expired = self.expire(&turn.queue, &mut dead_letters, at);
        let claimed = self.claim(turn, at);
        let next = if claimed.len() == turn.claim || more_expired {
            Some(Duration::ZERO)
        } else {
            self.next(turn, at.now)
        };
        Ok(Turned { settled, claimed, dead_letters, reclaimed_leases, next })
    }

    fn settle(&mut self, settlement: &Settlement, at: &mut Moment) -> Settled {
        let Ok(row) = self.row_mut(settlement.lease.id) else {
            return Settled::Fenced;
        };
        let fence = &settlement.lease.fence;
        if row.settled.as_ref() == Some(fence) {
            return Settled::Applied;
        }
        let Some(claim) = row.lease.take_if(|lease| lease.fence == *fence) else {
            return Settled::Fenced;
        };
        row.settled = Some(fence.clone());
        match settlement.end {
            End::Done => row.go(State::Done, at),
            End::Dead(reason) => row.die(reason, at),
            End::Again { wait, counts } => {
                row.go(State::Ready, at);
                row.entry.due_at = at.after(wait);
                row.entry.tries -= u32::from(!counts);
            }
            End::GiveBack => {
                row.go(State::Ready, at);
                row.entry.attempts -= 1;
                row.entry.tries -= 1;
            }
        }
        if let Some(attempt) = settlement.attempt.clone().filter(|_| settlement.end != End::GiveBack) {
            row.record(attempt);
        }
        let (authority, queue, key) = (row.authority(), row.entry.queue.clone(), row.entry.order_key.clone());
        self.change_hold(&queue, &authority, claim.since, settlement, at);
        if let (Some(overtaken), Some(key)) = (settlement.overtakes(), key) {
            let place = self.places.get(&settlement.lease.id).copied().unwrap_or_default();
            self.overtake(&queue, &key, place, overtaken);
        }
        Settled::Applied
    }

    fn reap(&mut self, queue: &QueueName, dead_letters: &mut Vec<Entry>, at: &mut Moment) -> usize {
        let mut lost = Vec::new();
        for (place, row) in self.rows.iter_mut().filter(|(_, row)| row.entry.queue == *queue) {
            let Some(lease) = row.lease.take_if(|lease| lease.until <= at.now) else {
                continue;
            };
            lost.push((*place, row.entry.order_key.clone()));
            let worker = lease.worker.as_str();
            let (number, revision) = (row.entry.attempts, row.entry.revision);
            row.record(AttemptRecord::lost(number, revision, lease.since, at.now, worker));
            if !row.entry.repeatable {
                row.die(Reason::Ambiguous, at);
            } else if row.entry.tries >= row.entry.max_attempts {
                row.die(Reason::Crashed, at);
            } else {
                row.go(State::Ready, at);
                row.entry.due_at = at.now;
                continue;
            }
            dead_letters.push(row.entry.clone());
        }
        for (place, key) in &lost {
            if let Some(key) = key {
                self.overtake(queue, key, *place, Overtaken::Possibly);
            }
        }
        lost.len()
    }

    /// Whether there are more than one turn moves.
    fn expire(&mut self, queue: &QueueName, dead_letters: &mut Vec<Entry>, at: &mut Moment) -> bool {
        let ready = self.rows.values_mut().filter(|row| row.entry.queue == *queue && is_ready(row));
        let mut expired: Vec<&mut Row> = ready.filter(|row| row.entry.expires_at <= at.now).collect();
        expired.sort_by_key(|row| row.entry.expires_at);
        let more = expired.len() > EXPIRED_AT_ONCE;
        for row in expired.into_iter().take(EXPIRED_AT_ONCE) {
            row.die(Reason::Expired, at);
            dead_letters.push(row.entry.clone());
        }
        more
    }

    fn claim(&mut self, turn: &Turn, at: &mut Moment) -> Vec<Claimed> {
        if self.queues.get(&turn.queue).is_some_and(|queue| queue.paused.is_some()) {
            return Vec::new();
        }
        let free = turn.cap.saturating_sub(self.leased(&turn.queue));
        let mut due = self.heads(&turn.queue);
        let expired = |place: &i64| self.rows.get(place).is_some_and(|row| row.entry.expires_at <= at.now);
        due.retain(|(due, place)| *due <= at.now && !expired(place));
        due.sort_unstable();
        let mut admission = self.claim_admission(turn, at.now);
        let admitted = due.into_iter().filter_map(|(_, place)| {
            let authority = self.rows.get(&place)?.authority();
            admission.claim(authority).map(|holds| (place, holds))
        });
        let admitted: Vec<(i64, u32)> = admitted.take(turn.claim.min(free)).collect();
        let mut claimed = Vec::new();
        for (place, holds) in admitted {
            self.fences += 1;
            let fence = self.fences.to_string();
            if let Some(row) = self.rows.get_mut(&place) {
                claimed.extend(lease(row, turn, &fence, holds, at));
            }
        }
        claimed
    }

    fn leased(&self, queue: &QueueName) -> usize {
        self.rows.values().filter(|row| row.entry.queue == *queue && row.lease.is_some()).count()
    }

    /// The ready entries of a queue that are at the head of their keys: when each is due, and its place.
    fn heads(&self, queue: &QueueName) -> Vec<(Timestamp, i64)> {
        let rows = || self.rows.iter().filter(|(_, row)| row.entry.queue == *queue);
        let leased = rows().filter(|(_, row)| row.lease.is_some());
        let mut taken: HashSet<&OrderKey> =
            leased.filter_map(|(_, row)| row.entry.order_key.as_ref()).collect();
        let ready = rows().filter(|(_, row)| is_ready(row));
        let heads = ready.filter(|(_, row)| row.entry.order_key.as_ref().is_none_or(|key| taken.insert(key)));
        heads.map(|(place, row)| (row.entry.due_at, *place)).collect()
    }

    /// How long until there may be something to do, where less was claimed than asked for.
    fn next(&self, turn: &Turn, now: Timestamp) -> Option<Duration> {
        let rows = || self.rows.values().filter(|row| row.entry.queue == turn.queue);
        let expiries = rows().filter(|row| is_ready(row)).map(|row| row.entry.expires_at);
        let leases = rows().filter_map(|row| row.lease.as_ref().map(|lease| lease.until));
        let paused = self.queues.get(&turn.queue).is_some_and(|queue| queue.paused.is_some());
        let mut starts = Vec::new();
        if !paused && self.leased(&turn.queue) < turn.cap {
            let admission = self.claim_admission(turn, now);
            for (due, place) in self.heads(&turn.queue) {
                let authority = self.rows.get(&place).map(Row::authority).unwrap_or_default();
                starts.extend(match admission.admits(&authority) {
                    Admission::All | Admission::One(_) => Some(due),
                    Admission::NoneUntil(until) => Some(due.max(until)),
                    Admission::None => None,
                });
            }
        }
        let first = expiries.chain(leases).chain(starts).min()?;
        Some(Duration::try_from(first.duration_since(now)).unwrap_or_default())
    }

    pub(super) fn heartbeat(&mut self, leases: &[Lease], lease_duration: Duration, at: &Moment) -> Vec<bool> {
        let until = at.after(lease_duration);
        let mut renew = |lease: &Lease| {
            let row = self.row_mut(lease.id).ok()?;
            let current = row.lease.as_mut().filter(|current| current.fence == lease.fence)?;
            current.until = until;
            Some(())
        };
        leases.iter().map(|lease| renew(lease).is_some()).collect()
    }
}

fn is_ready(row: &Row) -> bool {
    row.entry.state == State::Ready
}

fn lease(row: &mut Row, turn: &Turn, fence: &str, holds: u32, at: &mut Moment) -> Option<Claimed> {
    let request = row.revisions.last()?.request.clone();
    let lease = Lease { id: row.entry.id, fence: fence.into(), worker: turn.worker.clone() };
    let until = at.after(turn.lease_duration);
    row.go(State::Leased, at);
    row.entry.attempts += 1;
    row.entry.tries += 1;
    row.lease =
        Some(CurrentLease { fence: lease.fence.clone(), worker: turn.worker.clone(), since: at.now, until });
    Some(Claimed { lease, until, entry: row.entry.clone(), request, holds_in_row: holds })
}
