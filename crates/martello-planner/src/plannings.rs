use std::{
    cmp::Reverse,
    collections::BTreeMap,
    ops::Bound,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{answer::Answer, cursor::Cursor, envelope::Envelope, form, stamp::Stamp};

/// A planning: the planner's result for an order, listed once it is released. Timestamps have a resolution of
/// 1 ms.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Planning {
    /// Its id.
    pub id: String,
    /// When it was created: the list is sorted by this, the newest first.
    pub created_at: SystemTime,
    /// When it was released: the list is filtered by this.
    pub released_at: SystemTime,
    /// The JSON of its order, listed as `order`. `None` by default.
    pub order: Option<Bytes>,
}

impl Planning {
    /// Creates a planning with these timestamps, which do not decide when it is listed.
    #[must_use]
    pub fn new(id: impl Into<String>, created_at: SystemTime, released_at: SystemTime) -> Self {
        Self { id: id.into(), created_at, released_at, order: None }
    }
}

/// The sort key of the list.
type ListKey = (Reverse<Stamp>, String);

struct Released {
    at: Stamp,
    visible: Instant,
    order: Option<Bytes>,
}

/// All plannings, those that are not listed yet included.
#[derive(Default)]
pub(crate) struct Plannings {
    released: BTreeMap<ListKey, Released>,
    pub(crate) envelope: Envelope,
    pub(crate) cursors_live: Option<Duration>,
}

const MAX_LIMIT: usize = 1_000;
const DEFAULT_LIMIT: usize = 100;

impl Plannings {
    pub(crate) fn release(&mut self, planning: Planning, visible: Instant) {
        let released = Released { at: Stamp::of(planning.released_at), visible, order: planning.order };
        self.released.insert((Reverse(Stamp::of(planning.created_at)), planning.id), released);
    }

    /// How many are listed now.
    pub(crate) fn visible(&self) -> usize {
        let now = Instant::now();
        self.released.values().filter(|released| released.visible <= now).count()
    }

    pub(crate) fn list(&self, query: &str, now: Stamp) -> Answer {
        let limit = match form::field(query.as_bytes(), "limit").map(|limit| limit.parse()) {
            None => DEFAULT_LIMIT,
            Some(Ok(limit @ 1..=MAX_LIMIT)) => limit,
            Some(_) => return Answer::error(400, "limit must be from 1 to 1000"),
        };
        let cursor = match form::field(query.as_bytes(), "cursor") {
            Some(text) => Cursor::parse(&text).filter(|cursor| self.lives(cursor, now)),
            None => {
                let since =
                    form::field(query.as_bytes(), "released_since").and_then(|since| Stamp::parse(&since));
                since.map(|since| Cursor { issued: now, since, after: None })
            }
        };
        match cursor {
            Some(cursor) => self.page(&cursor, limit, now),
            None => {
                Answer::error(400, "released_since must be a moment, or the cursor one that is not too old")
            }
        }
    }

    fn lives(&self, cursor: &Cursor, now: Stamp) -> bool {
        let age = Duration::from_millis(now.millis().saturating_sub(cursor.issued.millis()).unsigned_abs());
        self.cursors_live.is_none_or(|lives| age < lives)
    }

    fn page(&self, cursor: &Cursor, limit: usize, now: Stamp) -> Answer {
        let clock = Instant::now();
        let is_listed = |released: &Released| released.visible <= clock && released.at > cursor.since;
        let start = match &cursor.after {
            Some((created, id)) => Bound::Excluded((Reverse(*created), id.clone())),
            None => Bound::Unbounded,
        };
        let mut rest =
            self.released.range((start.clone(), Bound::Unbounded)).filter(|(_, one)| is_listed(one));
        let page: Vec<_> = rest.by_ref().take(limit).collect();
        let at = |place: Option<&ListKey>| {
            let after = place.map(|(created, id)| (created.0, id.clone()));
            Cursor { issued: now, after, ..cursor.clone() }.text()
        };
        let next = page.last().filter(|_| rest.next().is_some()).map(|(place, _)| at(Some(place)));
        let before = match start {
            Bound::Excluded(place) => (Bound::Unbounded, Bound::Included(place)),
            _ => (Bound::Unbounded, Bound::Excluded((Reverse(Stamp::from_millis(i64::MAX)), String::new()))),
        };
        let mut before = self.released.range(before).rev().filter(|(_, one)| is_listed(one)).peekable();
        let has_before = before.peek().is_some();
        let prev = has_before.then(|| at(before.nth(limit).map(|(place, _)| place)));
        let items: Vec<_> = page.into_iter().map(|(place, released)| listed(place, released)).collect();
        let own = at(cursor.after.as_ref().map(|(created, id)| (Reverse(*created), id.clone())).as_ref());
        Answer::json(200, self.envelope.wrap(&items, &own, prev.as_deref(), next.as_deref()))
    }
}

/// A planning as the list shows it.
#[derive(Serialize)]
struct Listed<'a> {
    id: &'a str,
    created_at: String,
    released_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<&'a RawValue>,
}

fn listed<'a>((created, id): &'a ListKey, released: &'a Released) -> Listed<'a> {
    Listed {
        id,
        created_at: created.0.rfc3339(),
        released_at: released.at.rfc3339(),
        // An order that is not JSON is left out.
        order: released.order.as_ref().and_then(|order| serde_json::from_slice(order).ok()),
    }
}
