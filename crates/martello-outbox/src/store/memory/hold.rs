use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{
    data::{Data, Queue},
    row::{Moment, Row},
};
use crate::{Held, Hold, QueueName, Settlement};

/// The authorities of a queue that are held, or were until one entry has shown that they are back.
pub(super) struct Holds<'a> {
    holds: HashMap<&'a str, &'a Held>,
    /// Those of which an entry is leased.
    leased: HashSet<String>,
    now: Timestamp,
}

/// What an authority lets be claimed.
pub(super) enum Admits {
    All,
    /// One, after so many holds in a row.
    One(u32),
    /// Nothing before this moment.
    NoneUntil(Timestamp),
    /// Nothing before an entry of it that is leased has come to an end.
    None,
}

impl Holds<'_> {
    pub(super) fn admits(&self, authority: &str) -> Admits {
        match self.holds.get(authority) {
            None => Admits::All,
            Some(held) if self.now < held.until => Admits::NoneUntil(held.until),
            Some(_) if self.leased.contains(authority) => Admits::None,
            Some(held) => Admits::One(held.in_row),
        }
    }

    /// Claims one of this authority if it can be: after how many holds in a row.
    pub(super) fn claim(&mut self, authority: String) -> Option<u32> {
        let holds = match self.admits(&authority) {
            Admits::All => 0,
            Admits::One(holds) => holds,
            Admits::NoneUntil(_) | Admits::None => return None,
        };
        self.leased.insert(authority);
        Some(holds)
    }
}

impl Data {
    pub(super) fn holds(&self, queue: &QueueName, now: Timestamp) -> Holds<'_> {
        let holds = self.queues.get(queue).into_iter().flat_map(|queue| &queue.holds);
        let leased = self.rows.values().filter(|row| row.entry.queue == *queue && row.held.is_some());
        Holds {
            holds: holds.map(|(authority, held)| (authority.as_str(), held)).collect(),
            leased: leased.map(Row::authority).collect(),
            now,
        }
    }

    /// Does to the hold of an entry's authority what its settlement says; it was claimed at that time.
    pub(super) fn change_hold(
        &mut self,
        queue: &QueueName,
        authority: String,
        claimed_at: Timestamp,
        settlement: &Settlement,
        at: &Moment,
    ) {
        let queue = self.queues.entry(queue.clone()).or_default();
        let before = queue.holds.get(&authority);
        if before.is_some_and(|held| claimed_at < held.until) {
            return;
        }
        match &settlement.hold {
            Hold::Keep => {}
            Hold::End => {
                queue.holds.remove(&authority);
            }
            Hold::For { wait, why } => {
                let in_row = before.map_or(0, |held| held.in_row).saturating_add(1);
                let held = Held {
                    authority: authority.clone(),
                    until: at.after(*wait),
                    why: why.to_string(),
                    in_row,
                };
                queue.hold(authority, held);
            }
        }
    }
}

impl Queue {
    fn hold(&mut self, authority: String, held: Held) {
        self.holds.insert(authority, held);
        if self.holds.len() > Held::MOST {
            let first = self.holds.values().min_by_key(|held| held.until).map(|held| held.authority.clone());
            first.map(|authority| self.holds.remove(&authority));
        }
    }
}
