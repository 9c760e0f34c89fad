use proptest::prelude::*;

use crate::simulation::{history, run};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // As many as `PROPTEST_CASES` says, 256 if it says nothing.
    #[test]
    fn nothing_is_lost_and_no_checkpoint_runs_ahead(history in history()) {
        let outcome = run(history);
        prop_assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
    }
}
