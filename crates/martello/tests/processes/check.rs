//! Checks that the requests that the server received, the acknowledgements that the enqueuers got, and the
//! stored entries agree.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use jiff::Timestamp;
use martello::{
    Outcome,
    outbox::{AttemptRecord, Detail, EntryId, Filter, State, Store},
};
use tokio::time::Instant;

use crate::{
    api::{Receipt, is_poison},
    hits::Hits,
    order::Order,
    process_config::Role,
};

/// The result of a run.
#[derive(Debug, Default)]
pub(crate) struct RunSummary {
    acknowledged: usize,
    stored: usize,
    done: usize,
    dead: usize,
    receipts: usize,
    /// How often the server accepted a request that it had accepted before. Each time, the earlier attempt
    /// was lost.
    duplicates: usize,
    pub(crate) hits: Hits,
    wrong: Vec<String>,
}

pub(crate) struct Check<'a> {
    /// By key, each with its index in the order of arrival.
    receipts: HashMap<&'a str, Vec<(usize, &'a Receipt)>>,
    /// When each process was killed, by name.
    killed_at: &'a HashMap<String, Instant>,
    summary: RunSummary,
    stored: HashSet<EntryId>,
    order: Order,
}

/// Checks everything. `output` is the output of the enqueuers; `hits` counts what the kills have hit so far.
pub(crate) async fn check(
    store: &dyn Store,
    receipts: &[Receipt],
    output: &[String],
    killed_at: &HashMap<String, Instant>,
    hits: Hits,
) -> RunSummary {
    let mut by_key: HashMap<&str, Vec<(usize, &Receipt)>> = HashMap::new();
    for (place, receipt) in receipts.iter().enumerate() {
        by_key.entry(&receipt.key).or_default().push((place, receipt));
    }
    let summary = RunSummary { receipts: receipts.len(), hits, ..RunSummary::default() };
    let mut check =
        Check { receipts: by_key, killed_at, summary, stored: HashSet::new(), order: Order::default() };
    check.entries(store).await;
    check.promises(output);
    for finding in store.check_health().await.unwrap() {
        if !finding.passed {
            check.summary.wrong.push(format!("examined {}: {}", finding.what, finding.seen));
        }
    }
    check.summary
}

impl Check<'_> {
    /// Checks every entry, acknowledged or not.
    async fn entries(&mut self, store: &dyn Store) {
        let mut cursor = None;
        loop {
            let page = store.list(Filter::default(), cursor, 1_000).await.unwrap();
            for entry in page.entries {
                let detail = store.detail(entry.id).await.unwrap().unwrap();
                self.stored.insert(entry.id);
                if let Err(wrong) = self.entry(&detail) {
                    self.summary.wrong.push(format!("entry {}: {wrong}; {detail:?}", entry.id));
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return;
            }
        }
    }

    fn entry(&mut self, detail: &Detail) -> Result<(), String> {
        self.summary.stored += 1;
        let key = detail.revisions[0].request.idempotency_key().unwrap();
        let placed = self.receipts.remove(key).unwrap_or_default();
        let by_workers = placed.iter().filter(|(_, receipt)| !is_by_a_caller(receipt));
        let sent: Vec<_> = by_workers.map(|(place, _)| *place).collect();
        let receipts: Vec<_> = placed.into_iter().map(|(_, receipt)| receipt).collect();
        let accepted = receipts.iter().filter(|receipt| receipt.accepted()).count();
        match detail.entry.state {
            State::Done if accepted > 0 => self.summary.done += 1,
            State::Dead if is_poison(key) && accepted == 0 => self.summary.dead += 1,
            state => {
                return Err(format!("its state is {state}, but the server accepted it {accepted} times"));
            }
        }
        let numbers = detail.attempts.iter().map(|attempt| attempt.number);
        if !numbers.eq(1..=detail.entry.attempts) {
            return Err("its attempt numbers have gaps".to_owned());
        }
        self.receipts(detail, &receipts)?;
        for attempt in &detail.attempts {
            self.attempt(attempt, &receipts)?;
        }
        self.order.check(detail, &sent)?;
        self.summary.duplicates += accepted.saturating_sub(1);
        Ok(())
    }

    /// Checks that each receipt belongs to one attempt, and that one accepted attempt was settled. Every
    /// other accepted attempt was lost with its worker.
    fn receipts(&self, detail: &Detail, receipts: &[&Receipt]) -> Result<(), String> {
        let mut seen = HashSet::new();
        let mut settled = 0;
        for receipt in receipts {
            if !seen.insert(receipt.attempt) {
                return Err(format!("attempt {} was received twice", receipt.attempt));
            }
            let place = usize::try_from(receipt.attempt).unwrap() - 1;
            let Some(attempt) = detail.attempts.get(place) else {
                return Err(format!("{receipt:?} belongs to none of its attempts"));
            };
            let by = attempt.worker.as_deref();
            if by.is_some_and(|worker| worker != receipt.process) || (by.is_none() && receipt.attempt > 1) {
                return Err(format!("{receipt:?} was recorded as an attempt of {by:?}"));
            }
            if is_lost(attempt) {
                continue;
            }
            if attempt.status.map(|status| status.as_u16()) != Some(receipt.status) {
                return Err(format!("{receipt:?} differs from the recorded attempt {attempt:?}"));
            }
            settled += usize::from(receipt.accepted());
        }
        let expected = usize::from(detail.entry.state == State::Done);
        if settled == expected { Ok(()) } else { Err(format!("it was settled as delivered {settled} times")) }
    }

    /// Checks that the server received the attempt, unless it was lost with a worker that was killed.
    fn attempt(&mut self, attempt: &AttemptRecord, receipts: &[&Receipt]) -> Result<(), String> {
        let receipt = receipts.iter().find(|receipt| receipt.attempt == attempt.number);
        if !is_lost(attempt) {
            return if receipt.is_some() {
                Ok(())
            } else {
                Err(format!("the server did not receive {attempt:?}"))
            };
        }
        let worker = attempt.worker.as_deref().unwrap_or_default();
        let Some(killed_at) = self.killed_at.get(worker) else {
            return Err(format!("{attempt:?} was lost, but its worker was not killed"));
        };
        match receipt {
            None => self.summary.hits.claimed += 1,
            Some(receipt) if receipt.answered > *killed_at => self.summary.hits.sending += 1,
            Some(_) => self.summary.hits.settling += 1,
        }
        Ok(())
    }

    /// Checks that every acknowledged request is stored or was answered, and that only callers through an
    /// `OutboxLayer` sent requests that are not stored.
    fn promises(&mut self, output: &[String]) {
        for line in output {
            let words: Vec<_> = line.split(' ').collect();
            let kept = match words[..] {
                ["stored", _, id] => self.stored.contains(&id.parse().unwrap()),
                ["answered", key, status] => {
                    let receipts = self.receipts.get(key).map(Vec::as_slice).unwrap_or_default();
                    receipts.iter().any(|(_, receipt)| receipt.status.to_string() == status)
                }
                _ => continue,
            };
            self.summary.acknowledged += 1;
            if !kept {
                // First in the list, because no other failure is worse.
                self.summary.wrong.insert(0, format!("an acknowledged request is lost: {line}"));
            }
        }
        let receipts = self.receipts.values().flatten().map(|(_, receipt)| receipt);
        let strays = receipts.filter(|receipt| !is_by_a_caller(receipt));
        self.summary.wrong.extend(strays.map(|receipt| format!("{receipt:?} belongs to no stored entry")));
    }
}

fn is_by_a_caller(receipt: &Receipt) -> bool {
    receipt.process.starts_with(Role::Enqueuer.as_str())
}

/// Whether the attempt was recorded as lost, because its lease expired.
pub(crate) fn is_lost(attempt: &AttemptRecord) -> bool {
    let now = Timestamp::UNIX_EPOCH;
    attempt.outcome == Outcome::Ambiguous && attempt.fault == AttemptRecord::lost(1, 1, now, now, "").fault
}

impl RunSummary {
    /// # Panics
    ///
    /// When anything is wrong.
    pub(crate) fn assert_right(&self) {
        let some: Vec<_> = self.wrong.iter().take(10).map(String::as_str).collect();
        assert!(some.is_empty(), "{} checks failed, such as:\n{}", self.wrong.len(), some.join("\n"));
    }
}

impl fmt::Display for RunSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, stored, done, dead, receipts, duplicates, hits, .. } = self;
        write!(
            f,
            "{hits}; {acknowledged} acknowledged, {stored} stored: {done} done, {dead} dead; {receipts} received, \
             {duplicates} accepted again after a lost attempt"
        )
    }
}
