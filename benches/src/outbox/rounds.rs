use super::subjects::{Made, Subject};
use crate::{
    Error,
    measure::{Found, quartiles},
};

/// Runs every subject in each round. The order rotates from round to round.
pub(super) async fn take(
    subjects: &mut [Made],
    rounds: usize,
    mut turn: impl AsyncFnMut(&mut dyn Subject) -> Result<f64, Error>,
) -> Result<Vec<Vec<f64>>, Error> {
    let mut values = vec![Vec::with_capacity(rounds); subjects.len()];
    for round in 0..rounds {
        for place in 0..subjects.len() {
            let index = (round + place) % subjects.len();
            if let (Some(made), Some(values)) = (subjects.get_mut(index), values.get_mut(index)) {
                let value = turn(&mut *made.subject).await;
                values.push(value.map_err(|error| format!("{}: {error}", made.name))?);
            }
        }
    }
    Ok(values)
}

/// The rate of each subject, and its ratio to the fastest baseline in the same round.
pub(super) fn rates(subjects: &[Made], values: &[Vec<f64>], what: &str) -> Vec<(&'static str, Found)> {
    let rounds = values.first().map_or(0, Vec::len);
    let base = |round: usize| {
        let of = |(made, values): (&Made, &Vec<f64>)| values.get(round).copied().filter(|_| made.is_base);
        subjects.iter().zip(values).filter_map(of).max_by(f64::total_cmp)
    };
    let bases: Vec<_> = (0..rounds).filter_map(base).collect();
    let mut rows = Vec::new();
    for (made, values) in subjects.iter().zip(values) {
        let mut found = quartiles::of(&format!("{what}_per_s"), values.clone(), "requests/s");
        if !bases.is_empty() {
            let ratios = values.iter().zip(&bases).map(|(value, base)| value / base).collect();
            found.extend(quartiles::of(&format!("{what}_ratio"), ratios, "ratio"));
        }
        rows.extend(found.into_iter().map(|found| (made.name, found)));
    }
    rows
}
