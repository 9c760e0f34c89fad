use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{
    data::{Data, Queue},
    row::{Moment, Row},
};
use crate::{
    HeldAuthority, QueueName,
    store::{HoldChange, Settlement, Turn},
};

/// Decides which entries of a queue a turn may claim, from the holds and the leased probes of the queue.
pub(super) struct ClaimAdmission<'a> {
    holds: HashMap<&'a str, &'a HeldAuthority>,
    /// Those of which an entry is leased.
    leased: HashSet<String>,
    /// How many more probes may be leased.
    probes_left: usize,
    now: Timestamp,
}

/// Which entries of an authority a turn may claim.
pub(super) enum Admission {
    All,
    /// One as a probe, after so many holds in a row.
    One(u32),
    /// Nothing before this moment.
    NoneUntil(Timestamp),
    /// Nothing before a probe that is leased, of this authority or another, has come to an end.
    None,
}

impl ClaimAdmission<'_> {
    pub(super) fn admits(&self, authority: &str) -> Admission {
        match self.holds.get(authority) {
            None => Admission::All,
            Some(held) if self.now < held.until => Admission::NoneUntil(held.until),
            Some(_) if self.leased.contains(authority) || self.probes_left == 0 => Admission::None,
            Some(held) => Admission::One(held.in_row),
        }
    }

    /// Claims one of this authority if it can be: after how many holds in a row.
    pub(super) fn claim(&mut self, authority: String) -> Option<u32> {
        let holds = match self.admits(&authority) {
            Admission::All => 0,
            Admission::One(holds) => {
                self.probes_left -= 1;
                holds
            }
            Admission::NoneUntil(_) | Admission::None => return None,
        };
        self.leased.insert(authority);
        Some(holds)
    }
}

impl Data {
    pub(super) fn claim_admission(&self, turn: &Turn, now: Timestamp) -> ClaimAdmission<'_> {
        let holds = self.queues.get(&turn.queue).into_iter().flat_map(|queue| &queue.holds);
        let holds: HashMap<_, _> = holds.map(|(authority, held)| (authority.as_str(), held)).collect();
        let leased = self.rows.values().filter(|row| row.entry.queue == turn.queue && row.lease.is_some());
        let leased: Vec<String> = leased.map(Row::authority).collect();
        let is_probe =
            |authority: &&String| holds.get(authority.as_str()).is_some_and(|held| held.until <= now);
        let probes = leased.iter().filter(is_probe).count();
        let probes_left = (turn.cap / 2).max(1).saturating_sub(probes);
        ClaimAdmission { holds, leased: leased.into_iter().collect(), probes_left, now }
    }

    /// Does to the hold of an entry's authority what its settlement says; it was claimed at that time.
    pub(super) fn change_hold(
        &mut self,
        queue: &QueueName,
        authority: &str,
        claimed_at: Timestamp,
        settlement: &Settlement,
        at: &Moment,
    ) {
        let queue = self.queues.entry(queue.clone()).or_default();
        let before = queue.holds.get(authority);
        if before.is_some_and(|held| claimed_at < held.until) {
            return;
        }
        match &settlement.hold {
            HoldChange::Keep => {}
            HoldChange::End => {
                queue.holds.remove(authority);
            }
            HoldChange::For { holds_in_row: after, .. } if *after != before.map_or(0, |held| held.in_row) => {
            }
            HoldChange::For { holds_in_row: after, wait, why } => {
                let in_row = after.saturating_add(1);
                let held = HeldAuthority {
                    authority: authority.to_owned(),
                    until: at.after(*wait),
                    why: why.to_string(),
                    in_row,
                };
                queue.hold(held, at.now);
            }
        }
    }
}

impl Queue {
    fn hold(&mut self, held: HeldAuthority, now: Timestamp) {
        if self.holds.len() >= HeldAuthority::MAX_PER_QUEUE && !self.holds.contains_key(&held.authority) {
            let worth = |held: &&HeldAuthority| match held.until <= now {
                true => (false, held.in_row, held.until),
                false => (true, 0, held.until),
            };
            let least = self.holds.values().min_by_key(worth).map(|held| held.authority.clone());
            least.map(|authority| self.holds.remove(&authority));
        }
        self.holds.insert(held.authority.clone(), held);
    }
}
