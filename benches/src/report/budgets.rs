use std::fmt::Write;

use super::{Row, table::number, value};
use crate::case::Case;

/// What the layers may cost: over bare, except where `absolute` says that the value itself is meant.
struct Budget {
    what: &'static str,
    case: Case,
    subject: &'static str,
    measure: &'static str,
    absolute: bool,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    Most(f64),
    Least(f64),
}

const fn added(
    what: &'static str,
    case: Case,
    subject: &'static str,
    measure: &'static str,
    most: f64,
) -> Budget {
    Budget { what, case, subject, measure, absolute: false, bound: Bound::Most(most) }
}

const INSTRUCTIONS: &str = "instructions";
const ALLOCATIONS: &str = "allocations";

const BUDGETS: &[Budget] = &[
    added("limit", Case::Happy, "martello_limit", INSTRUCTIONS, 550.0),
    added("limit", Case::Happy, "martello_limit", ALLOCATIONS, 0.0),
    added("limit that has to wait", Case::Wait, "martello_limit", ALLOCATIONS, 0.0),
    added("retry", Case::Happy, "martello_retry", INSTRUCTIONS, 1_600.0),
    added("retry", Case::Happy, "martello_retry", ALLOCATIONS, 1.0),
    added("all four, log off, with an id", Case::Happy, "martello_four", INSTRUCTIONS, 4_000.0),
    added("all four, log off, with an id", Case::Happy, "martello_four", ALLOCATIONS, 4.0),
    added("all four, log off, without an id", Case::HappyNoId, "martello_four", INSTRUCTIONS, 3_000.0),
    added("all four, log off, without an id", Case::HappyNoId, "martello_four", ALLOCATIONS, 1.0),
    added("all four, both events heard by nobody", Case::HappyNoop, "martello_four", INSTRUCTIONS, 7_500.0),
    added("all four, both events written", Case::HappyInfo, "martello_four", INSTRUCTIONS, 35_000.0),
    added(
        "all four, the call's event written",
        Case::HappyInfoAttempts,
        "martello_four",
        INSTRUCTIONS,
        20_000.0,
    ),
    Budget {
        what: "five tasks over loopback, log off",
        case: Case::Loopback,
        subject: "martello_four",
        measure: "throughput_ratio",
        absolute: true,
        bound: Bound::Least(0.95),
    },
    Budget {
        what: "a wait of zero, twice, takes no timer (1 ms each)",
        case: Case::Retry,
        subject: "martello_four",
        measure: "time",
        absolute: true,
        bound: Bound::Most(1_000.0),
    },
    Budget {
        what: "five calls of 503, 503, 200 with large bodies",
        case: Case::Big503,
        subject: "martello_four",
        measure: "tcp_connections",
        absolute: true,
        bound: Bound::Most(1.0),
    },
];

/// What the layers may cost and what they do, in Markdown: only what was measured.
#[must_use]
pub fn budgets(rows: &[Row]) -> String {
    let mut text = String::from("| what | measure | budget | found | held |\n|---|---|---|---|---|\n");
    for budget in BUDGETS {
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
        let found = value(rows, self.case, self.subject, self.measure)?;
        if self.absolute {
            return Some(found);
        }
        // Where every call waits there is no bare; what it allocates is what bare does without waiting.
        let bare = value(rows, self.case, "bare", self.measure);
        Some(found - bare.or_else(|| value(rows, Case::Happy, "bare", self.measure))?)
    }
}
