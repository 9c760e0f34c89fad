use std::collections::BTreeMap;

/// A set of rows, stored as ranges: rows in order need one range for each gap.
#[derive(Debug, Default)]
pub(crate) struct Rows(BTreeMap<u64, u64>);

impl Rows {
    pub(crate) fn contains(&self, row: u64) -> bool {
        self.0.range(..=row).next_back().is_some_and(|(_, last)| *last >= row)
    }

    pub(crate) fn insert(&mut self, row: u64) {
        if self.contains(row) {
            return;
        }
        let before = row.checked_sub(1).and_then(|before| self.0.range(..=before).next_back());
        let start = match before {
            Some((start, last)) if last + 1 == row => *start,
            _ => row,
        };
        let last = row.checked_add(1).and_then(|next| self.0.remove(&next)).unwrap_or(row);
        self.0.insert(start, last);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_set_of_ranges_equals_a_plain_set_and_has_the_fewest_ranges() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..200 {
            let (mut rows, mut model) = (Rows::default(), BTreeSet::new());
            for _ in 0..40 {
                let row = random.u64(..50);
                rows.insert(row);
                model.insert(row);
            }
            assert!((0..60).all(|row| rows.contains(row) == model.contains(&row)), "{rows:?}");
            let starts = model.iter().filter(|row| **row == 0 || !model.contains(&(*row - 1))).count();
            assert_eq!(rows.0.len(), starts, "{rows:?}");
        }
        let mut rows = Rows::default();
        rows.insert(u64::MAX);
        rows.insert(0);
        assert!(rows.contains(u64::MAX) && rows.contains(0) && !rows.contains(1));
    }
}
