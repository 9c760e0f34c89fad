use std::{
    collections::{BTreeMap, HashSet},
    fmt::Display,
    hash::{BuildHasher, RandomState},
    mem, vec,
};

use jiff::Timestamp;
use martello_outcome::mask_urls;
use martello_paginate::Page;
use serde_json::value::RawValue;

use super::{delivered::DeliveredItems, server_clock::ServerClock};
use crate::{
    Item, ItemIssue, ItemIssueKind, ItemPosition, ItemVersion, NewParked, Parked, ParkedId,
    source::ErasedSource,
};

/// The longest reason that is kept, in bytes.
const MAX_REASON_BYTES: usize = 1_024;

/// How many items of a page are looked at before other tasks get their turn.
const ITEMS_PER_POLL: usize = 1_000;

/// How many reported items of a page are collected: one more than may be parked, so that what does not fit is refused.
const MAX_PARKED_PER_PAGE: usize = Parked::MAX_ITEMS + 1;

/// How many reported items are remembered as told.
const MAX_REPORTED: usize = 10_000;

/// What was delivered and is not acknowledged yet.
#[derive(Debug, Default)]
pub(crate) struct PendingBatch {
    pub(crate) items: Vec<Item>,
    pub(crate) issues: Vec<ItemIssue>,
    /// What is parked for its issues, and what it is told by.
    pub(super) parks: Vec<NewParked>,
    pub(super) reported: HashSet<u128>,
    /// What it was parked as, if it is delivered again.
    pub(super) redelivered: BTreeMap<usize, ParkedId>,
    /// Whether the pass is over with it.
    pub(super) last: bool,
}

impl PendingBatch {
    /// What is to be delivered again.
    pub(super) fn of_parked(parked: Vec<Parked>) -> Self {
        let mut pending = Self::default();
        for Parked { id, item, .. } in parked {
            // What was parked had been JSON.
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

/// A page of which not all items have been looked at.
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

    /// Looks at some more of it; at the end, what is new on the page.
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

/// The item as it is to be parked. The error of a client may quote a URL in the reason.
pub(super) fn park(
    version: Option<&ItemVersion>,
    json: &RawValue,
    position: ItemPosition,
    reason: impl Display,
) -> NewParked {
    let mut reason = mask_urls(&reason.to_string(), |_| false).into_owned();
    let end = (0..=MAX_REASON_BYTES.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
    reason.truncate(end.unwrap_or_default());
    NewParked {
        key: version.map(|version| version.key.to_string()).unwrap_or_default(),
        stamp: version.map(|version| version.stamp),
        position,
        json: json.get().to_owned(),
        reason,
        parked_at: Timestamp::now(),
    }
}

/// The reported items that were told and parked, so that a source that lists them again and again makes no
/// noise. They have no version to be remembered by, and are known by two hashes of their text.
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
