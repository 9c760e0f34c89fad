use std::{
    collections::{BTreeMap, HashSet},
    fmt::Display,
    hash::{BuildHasher, RandomState},
    mem, vec,
};

use jiff::Timestamp;
use martello_outcome::{mask_urls, truncate};
use martello_paginate::Page;
use serde_json::value::RawValue;

use super::{delivered::DeliveredItems, server_clock::ServerClock};
use crate::{
    Item, ItemIssue, ItemIssueKind, ItemPosition, ItemVersion, NewParked, Parked, ParkedId,
    source::ErasedSource,
};

/// The most bytes of a reason that are stored.
const MAX_REASON_BYTES: usize = 1_024;

/// How many items of a page are scanned before the poller yields to other tasks.
const ITEMS_PER_POLL: usize = 1_000;

/// How many items with issues are collected from one page: one more than the limit of parked items, so that a
/// save of too many fails.
const MAX_PARKED_PER_PAGE: usize = Parked::MAX_ITEMS + 1;

/// How many reported items are remembered.
const MAX_REPORTED: usize = 10_000;

/// A batch that is delivered and not acknowledged yet.
#[derive(Debug, Default)]
pub(crate) struct PendingBatch {
    pub(crate) items: Vec<Item>,
    pub(crate) issues: Vec<ItemIssue>,
    /// The items to park for their issues, and their hashes.
    pub(super) parks: Vec<NewParked>,
    pub(super) reported: HashSet<u128>,
    /// The ids of parked items that are delivered again, by index.
    pub(super) redelivered: BTreeMap<usize, ParkedId>,
    /// Whether it is the last batch of the pass.
    pub(super) last: bool,
}

impl PendingBatch {
    /// A batch of parked items to deliver again.
    pub(super) fn of_parked(parked: Vec<Parked>) -> Self {
        let mut pending = Self::default();
        for Parked { id, item, .. } in parked {
            // A parked text is valid JSON.
            let Ok(json) = RawValue::from_string(item.json) else { continue };
            let version = item.stamp.map(|stamp| ItemVersion { stamp, key: item.key.into() });
            pending.redelivered.insert(pending.items.len(), id);
            pending.push(version, json, item.position);
        }
        pending
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.issues.is_empty()
    }

    fn push(&mut self, version: Option<ItemVersion>, json: Box<RawValue>, position: ItemPosition) {
        self.items.push(Item { version, json, position, index: self.items.len() });
    }

    fn issue(&mut self, json: &RawValue, issue: ItemIssue, reported: &ReportedIssues) {
        if self.parks.len() >= MAX_PARKED_PER_PAGE {
            return;
        }
        let hash = reported.hash(json);
        if reported.hashes.contains(&hash) || !self.reported.insert(hash) {
            return;
        }
        self.parks.push(park(None, json, issue.position, issue.kind));
        self.issues.push(issue);
    }
}

/// A page that is being scanned for new items.
#[derive(Debug)]
pub(super) struct PageScan {
    rest: vec::IntoIter<Box<RawValue>>,
    next: ItemPosition,
    on_page: HashSet<ItemVersion>,
    pending: PendingBatch,
}

impl PageScan {
    pub(super) fn new(page: Page<Box<RawValue>>) -> Self {
        Self {
            rest: page.items.into_iter(),
            next: ItemPosition { page: page.number, item: 0 },
            on_page: HashSet::new(),
            pending: PendingBatch { last: page.next.is_none(), ..PendingBatch::default() },
        }
    }

    /// Scans more items. At the end of the page, returns the new ones.
    pub(super) fn scan(
        &mut self,
        clock: &mut ServerClock,
        source: &dyn ErasedSource,
        delivered: &DeliveredItems,
        reported: &ReportedIssues,
    ) -> Option<PendingBatch> {
        let Self { rest, next, on_page, pending } = self;
        for json in rest.by_ref().take(ITEMS_PER_POLL) {
            let position = *next;
            next.item = next.item.saturating_add(1);
            match source.item_version(&json) {
                Ok(version) => {
                    if clock.is_in_future(version.stamp) && !delivered.contains(&version) {
                        pending.issues.push(ItemIssue { position, kind: ItemIssueKind::StampInFuture });
                    }
                    if !delivered.contains(&version) && on_page.insert(version.clone()) {
                        pending.push(Some(version), json, position);
                    }
                }
                Err(kind) => pending.issue(&json, ItemIssue { position, kind }, reported),
            }
        }
        (rest.len() == 0).then(|| mem::take(pending))
    }
}

/// Builds the parked item. Masks URLs in the reason, because the error of a client may contain one.
pub(super) fn park(
    version: Option<&ItemVersion>,
    json: &RawValue,
    position: ItemPosition,
    reason: impl Display,
) -> NewParked {
    let reason = mask_urls(&reason.to_string(), |_| false).into_owned();
    let reason = truncate(&reason, MAX_REASON_BYTES).to_owned();
    NewParked {
        key: version.map(|version| version.key.to_string()).unwrap_or_default(),
        stamp: version.map(|version| version.stamp),
        position,
        json: json.get().to_owned(),
        reason,
        parked_at: Timestamp::now(),
    }
}

/// The invalid items that were reported and parked, so that an item that the source lists again is not
/// reported again. They have no version, and are identified by two hashes of their text.
#[derive(Debug, Default)]
pub(super) struct ReportedIssues {
    hashers: [RandomState; 2],
    hashes: HashSet<u128>,
}

impl ReportedIssues {
    fn hash(&self, json: &RawValue) -> u128 {
        let [first, second] = &self.hashers;
        u128::from(first.hash_one(json.get())) << 64 | u128::from(second.hash_one(json.get()))
    }

    pub(super) fn insert(&mut self, hashes: HashSet<u128>) {
        if self.hashes.len() > MAX_REPORTED {
            self.hashes.clear();
        }
        self.hashes.extend(hashes);
    }
}
