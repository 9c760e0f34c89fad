use std::sync::atomic::{AtomicU64, Ordering};

use crate::slab::{Index, NONE};

/// Counts the permits of the group without a key in one atomic word. As long as there is a permit for each
/// request, no request locks the queue, which saves 110 instructions a call.
///
/// It counts by turns with the queue. Whoever locks the queue has the counts handed over to it, and hands them
/// back unless somebody waits; until then every attempt to count here fails. A permit that is taken or given
/// back here therefore passes nobody by.
pub(crate) struct Tally {
    permits: usize,
    word: AtomicU64,
}

/// What there is to count of the group while nobody waits in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Permits that are taken; there are at most 65,535.
    pub(crate) held: usize,
    /// How many of them are held by response bodies that have no time yet.
    pub(crate) untimed: usize,
    /// The batch of these bodies.
    pub(crate) batch: Index,
}

const ONE_HELD: u64 = 1;
const ONE_UNTIMED: u64 = 1 << 16;
const ONE_BATCH: u64 = 1 << 32;

/// The queue counts. It is no count, because no batch is [`NONE`].
const HANDED_OVER: u64 = u64::MAX;

impl Tally {
    /// One that is handed over to the queue.
    pub(crate) const fn new(permits: usize) -> Self {
        Self { permits, word: AtomicU64::new(HANDED_OVER) }
    }

    /// Takes a permit, if one is free.
    #[inline]
    pub(crate) fn take(&self) -> bool {
        self.change(|word| (held(word) < self.permits).then(|| word + ONE_HELD)).is_some()
    }

    /// Counts a permit as held by a body. Returned is the body's batch.
    #[inline]
    pub(crate) fn body_begins(&self) -> Option<Index> {
        self.change(|word| Some(word + ONE_UNTIMED)).map(batch)
    }

    /// Takes a permit back, from a body of this batch or, if it is [`NONE`], from no body. Those that have a time
    /// are for the queue to count.
    #[inline]
    pub(crate) fn give_back(&self, from: Index) -> bool {
        let change = |word| match from {
            NONE => Some(word - ONE_HELD),
            _ if from == batch(word) => Some(word - ONE_HELD - ONE_UNTIMED),
            _ => None,
        };
        self.change(change).is_some()
    }

    #[inline]
    fn change(&self, change: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let change = |word| if word == HANDED_OVER { None } else { change(word) };
        self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, change).ok()
    }

    /// Hands the counts over, unless they are already. Only who has locked the queue may do it.
    pub(crate) fn hand_over(&self) -> Option<Counts> {
        if self.word.load(Ordering::Relaxed) == HANDED_OVER {
            return None;
        }
        let word = self.word.swap(HANDED_OVER, Ordering::AcqRel);
        Some(Counts { held: held(word), untimed: untimed(word), batch: batch(word) })
    }

    /// Counts from here. Only who has locked the queue may do it, and only after they were handed over.
    pub(crate) fn take_over(&self, counts: Counts) {
        let Counts { held, untimed, batch } = counts;
        let word = held as u64 * ONE_HELD + untimed as u64 * ONE_UNTIMED + u64::from(batch) * ONE_BATCH;
        self.word.store(word, Ordering::Release);
    }
}

fn held(word: u64) -> usize {
    (word & 0xFFFF) as usize
}

fn untimed(word: u64) -> usize {
    (word >> 16 & 0xFFFF) as usize
}

fn batch(word: u64) -> Index {
    (word >> 32) as Index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_as_many_as_there_may_be() {
        let tally = Tally::new(65_535);
        let full = Counts { held: 65_535, untimed: 65_535, batch: NONE - 1 };
        tally.take_over(full);
        assert!(!tally.take());
        assert!(tally.give_back(full.batch) && tally.take());
        assert_eq!(tally.body_begins(), Some(full.batch));
        assert_eq!(tally.hand_over(), Some(full));
    }

    #[test]
    fn only_bodies_of_its_batch_end_with_it() {
        let tally = Tally::new(2);
        tally.take_over(Counts { held: 2, untimed: 1, batch: 7 });
        assert!(!tally.give_back(6));
        assert!(tally.give_back(7));
        assert!(tally.give_back(NONE));
        assert_eq!(tally.hand_over(), Some(Counts { held: 0, untimed: 0, batch: 7 }));
    }

    #[test]
    fn it_counts_nothing_while_the_queue_does() {
        let tally = Tally::new(1);
        assert_eq!(tally.hand_over(), None);
        assert!(!tally.take());
        assert!(!tally.give_back(NONE));
        assert_eq!(tally.body_begins(), None);
        tally.take_over(Counts { held: 0, untimed: 0, batch: 0 });
        assert!(tally.take());
    }
}
