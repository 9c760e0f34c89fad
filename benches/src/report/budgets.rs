use std::fmt::Write;

use super::{Row, table::number, value};

/// A bound on a cost, or a required result.
pub(super) struct Budget {
    pub(super) what: &'static str,
    pub(super) case: &'static str,
    pub(super) subject: &'static str,
    pub(super) measure: &'static str,
    pub(super) of: Of,
    pub(super) bound: Bound,
}

/// The quantity that a bound applies to.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// The value.
    Itself,
    /// The difference to `bare` in this case, or in the given case if this one has no `bare`.
    OverBare { or: &'static str },
    /// The ratio to the same subject in another case.
    #[cfg(feature = "outbox")]
    Against(&'static str),
}

#[derive(Clone, Copy)]
pub(super) enum Bound {
    Most(f64),
    Least(f64),
}

/// The bounds and whether they hold, in Markdown. Only for measured cases.
pub(super) fn table(budgets: &[Budget], rows: &[Row]) -> String {
    let mut text = String::from("| what | measure | budget | found | held |\n|---|---|---|---|---|\n");
    for budget in budgets {
        let Some(found) = budget.found(rows) else {
            continue;
        };
        let (bound, held) = match budget.bound {
            Bound::Most(most) => (format!("≤ {}", number(Some(most), 0)), found <= most),
            Bound::Least(least) => (format!("≥ {least}"), found >= least),
        };
        let (what, case, measure) = (budget.what, budget.case, budget.measure);
        let (found, held) = (number(Some(found), 2), if held { "yes" } else { "no" });
        let _ = writeln!(text, "| {what} (`{case}`) | {measure} | {bound} | {found} | {held} |");
    }
    text
}

impl Budget {
    fn found(&self, rows: &[Row]) -> Option<f64> {
        let of = |case: &str, subject: &str| value(rows, case, subject, self.measure);
        let found = of(self.case, self.subject)?;
        match self.of {
            Of::Itself => Some(found),
            Of::OverBare { or } => Some(found - of(self.case, "bare").or_else(|| of(or, "bare"))?),
            #[cfg(feature = "outbox")]
            Of::Against(case) => Some(found / of(case, self.subject)?),
        }
    }
}
