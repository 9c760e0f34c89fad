use super::Found;

/// The median and the quartiles around it, of at least one value.
pub(crate) fn of(measure: &str, mut values: Vec<f64>, unit: &str) -> Vec<Found> {
    values.sort_by(f64::total_cmp);
    let at = |quarter: usize| values.get((values.len().saturating_sub(1)) * quarter / 4).copied();
    let named = [(measure.to_owned(), 2), (format!("{measure}_q1"), 1), (format!("{measure}_q3"), 3)];
    named.into_iter().filter_map(|(name, quarter)| Some(Found::new(&name, at(quarter)?, unit))).collect()
}
