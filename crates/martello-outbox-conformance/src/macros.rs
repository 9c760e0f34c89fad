//! The scenarios, by name, and a test for each.

use std::env;

use super::{Engine, Scenario, Violation};

/// Writes a `#[test]` for each [`Scenario`] of this [`Engine`], and one for its
/// [histories](crate::check_histories): 64 of them, or as many as `PROPTEST_CASES` says.
///
/// Attributes before the engine go to each test, such as `#[ignore = "needs a server"]` for an engine whose
/// server may be missing.
///
/// Best in a module of its own, whose path then says which engine was tested.
#[doc(hidden)]
#[macro_export]
macro_rules! __outbox_conformance_tests {
    ($(#[$attribute:meta])* $engine:ty) => {
        $crate::__outbox_scenarios! { __outbox_scenario_tests [$(#[$attribute])*] $engine }

        #[test]
        $(#[$attribute])*
        fn random_histories_are_those_of_the_model() {
            $crate::run_histories::<$engine>();
        }
    };
}

/// Hands the scenarios to another macro, after what is given.
#[doc(hidden)]
#[macro_export]
macro_rules! __outbox_scenarios {
    ($then:ident $($with:tt)*) => {
        $crate::$then! {
            $($with)* =>
            enqueueing::entries_are_stored_as_they_were_given,
            enqueueing::an_enqueue_is_all_or_none,
            enqueueing::entries_are_in_the_order_in_which_they_were_stored,
            enqueueing::a_dedup_key_is_stored_once_in_a_queue,
            enqueueing::a_dedup_key_is_taken_in_whatever_state,
            enqueueing::an_entry_that_is_enqueued_again_is_stored_once,
            enqueueing::superseding_cancels_what_is_ready_of_the_key,
            enqueueing::superseding_goes_by_the_order_of_a_batch,
            enqueueing::a_duplicate_supersedes_nothing,
            enqueueing::an_entry_can_be_stored_as_a_dead_letter,
            enqueueing::a_key_is_pending_while_one_of_it_is_ready_or_leased,
            enqueueing::times_end_at_the_last_timestamp,
            claiming::a_claim_counts_the_attempt,
            claiming::those_due_first_are_claimed_first_and_then_the_oldest,
            claiming::an_entry_waits_for_its_time,
            claiming::no_more_is_claimed_than_asked_for,
            claiming::claims_are_of_the_queue_that_is_asked_for,
            claiming::a_leased_entry_is_not_claimed_again,
            claiming::an_ended_entry_is_not_claimed,
            claiming::the_cap_counts_the_leases_of_all,
            claiming::a_cap_of_zero_is_refused,
            claiming::no_fence_is_handed_out_twice,
            claiming::expired_entries_become_dead_letters,
            claiming::a_turn_moves_a_hundred_expired_entries,
            keys::one_of_a_key_is_leased_at_a_time,
            keys::keys_are_of_their_queue,
            keys::an_older_entry_keeps_back_its_key_while_it_waits,
            keys::an_entry_that_is_put_off_or_given_back_stays_ahead,
            keys::a_key_goes_on_when_its_head_is_settled,
            keys::a_key_goes_on_when_its_head_is_cancelled,
            keys::a_key_goes_on_when_its_head_expires_or_is_lost,
            keys::a_lost_entry_stays_ahead_of_its_key,
            keys::a_replayed_entry_has_its_old_place,
            keys::an_entry_replayed_later_keeps_back_its_key,
            leases::a_lease_lasts_to_its_end,
            leases::a_lost_entry_is_ready_at_once,
            leases::a_lost_entry_that_must_not_be_sent_twice_is_a_dead_letter,
            leases::an_entry_whose_workers_crash_ends_as_a_dead_letter,
            leases::a_lost_entry_that_has_expired_is_a_dead_letter,
            leases::a_turn_takes_the_lost_leases_of_its_queue,
            leases::a_lost_lease_makes_room_under_the_cap,
            leases::a_worker_that_lost_its_lease_is_fenced,
            leases::a_lease_that_ran_out_is_held_until_it_is_taken,
            leases::a_heartbeat_prolongs_what_is_held,
            settling::a_settlement_ends_an_entry_and_writes_its_attempt_down,
            settling::a_dead_letter_has_the_reason_of_its_settlement,
            settling::what_is_tried_again_waits_as_long_as_it_should,
            settling::a_try_that_does_not_count_leaves_the_tries_as_they_were,
            settling::what_is_given_back_was_no_attempt,
            settling::attempt_numbers_never_start_again,
            settling::a_settlement_may_be_sent_again,
            settling::a_settlement_that_is_sent_again_late_touches_no_later_claim,
            settling::settlements_are_answered_in_their_order,
            settling::a_turn_settles_before_it_claims,
            settling::a_turn_settles_before_it_takes_lost_leases,
            next::the_next_turn_is_at_once_if_there_may_be_more,
            next::there_is_no_next_turn_where_only_a_change_can_help,
            next::the_next_turn_is_when_the_first_head_is_due,
            next::the_next_turn_is_when_the_first_lease_runs_out,
            next::the_next_turn_is_when_the_first_entry_expires,
            next::under_a_full_cap_the_next_turn_is_when_a_lease_runs_out,
            next::a_pause_has_no_next_turn_and_a_hold_has_its_end,
            queues::a_paused_queue_claims_nothing_until_it_is_resumed,
            queues::a_resume_ends_pause_and_holds,
            queues::queues_are_listed_with_what_is_in_them,
            queues::queues_are_listed_by_name_once_they_were_used,
            holding::a_held_authority_is_not_claimed_until_its_hold_ends,
            holding::a_hold_stops_only_its_authority,
            holding::an_authority_is_the_same_however_it_is_written,
            holding::an_edit_changes_the_authority,
            holding::what_is_held_is_passed_over_in_order,
            holding::a_settlement_that_is_fenced_or_sent_again_changes_no_hold,
            holding::a_resume_ends_the_holds_of_its_queue,
            holding::a_prune_forgets_holds_that_have_long_been_over,
            holding::a_queue_remembers_a_thousand_holds,
            probing::a_hold_that_is_over_admits_one_at_a_time,
            probing::the_end_of_a_hold_makes_all_claimable,
            probing::a_probe_that_fails_holds_again,
            probing::what_was_claimed_before_a_hold_was_over_does_not_change_it,
            probing::the_next_probe_follows_one_that_is_given_back_or_lost,
            probing::the_cap_is_of_the_queue_with_holds_as_without,
            probing::a_queue_has_probes_in_half_of_its_cap,
            probing::a_queue_has_at_least_one_probe,
            probing::what_is_leased_when_a_hold_is_over_is_a_probe,
            probing::a_probe_does_not_bring_back_a_hold_that_was_ended,
            probing::a_hold_follows_on_those_that_its_claim_knew,
            probing::a_held_head_keeps_back_its_key,
            probing::a_held_entry_expires_and_can_be_cancelled,
            probing::the_next_turn_is_when_a_hold_ends_or_its_probe_does,
            overtaking::a_delivery_overtakes_the_older_dead_letters_of_its_key,
            overtaking::an_end_that_may_have_been_processed_overtakes_possibly,
            overtaking::a_lost_lease_overtakes_possibly,
            overtaking::a_settlement_that_is_sent_again_overtakes_nothing_more,
            overtaking::a_call_overtakes_all_dead_letters_of_its_key,
            overtaking::a_mark_stays_whatever_happens,
            overtaking::the_state_of_a_key_reports_pending_entries_and_dead_letters,
            overtaken_replays::a_replay_of_what_is_overtaken_is_refused,
            overtaken_replays::a_replay_is_refused_while_a_newer_entry_is_leased,
            overtaken_replays::what_is_replayed_over_a_newer_lease_is_possibly_overtaken,
            listing::a_filter_selects_queues_states_and_keys,
            listing::a_filter_selects_hosts,
            listing::a_filter_selects_how_the_last_attempt_ended,
            listing::a_filter_selects_the_tracking_ids_of_all_attempts,
            listing::a_filter_selects_reasons_and_jobs,
            listing::a_filter_selects_since_when_an_entry_is_in_its_state,
            listing::a_list_is_read_page_by_page,
            listing::new_entries_do_not_move_the_pages,
            listing::a_limit_out_of_its_range_is_refused,
            listing::a_list_shows_entries_as_they_are,
            changing::a_change_that_the_state_does_not_allow_is_refused,
            changing::a_change_of_nothing_is_refused,
            changing::what_is_ready_can_be_cancelled_or_dead_lettered,
            changing::a_replay_puts_a_dead_letter_back_as_it_was,
            changing::an_edit_makes_a_revision_beside_the_old_ones,
            changing::an_edit_of_what_was_edited_meanwhile_is_refused,
            changing::an_edit_that_cannot_be_stored_changes_nothing,
            changing::protection_is_on_or_off,
            replaying::a_replay_is_the_oldest_first_at_its_rate,
            replaying::a_replay_reports_its_progress,
            replaying::a_later_replay_takes_an_entry_from_the_one_before,
            replaying::a_replay_of_nothing_is_a_job_of_none,
            replaying::a_rate_out_of_its_range_is_refused,
            replaying::a_slow_replay_is_due_late,
            replaying::cancelling_a_replay_returns_what_was_not_claimed,
            replaying::what_a_cancelled_replay_returns_is_as_it_was,
            replaying::a_replay_that_ends_before_it_is_cancelled_returns_nothing,
            replaying::cancelling_an_unknown_replay_is_refused,
            replaying::a_replay_is_bounded,
            removing::a_purge_deletes_dead_letters_that_pass,
            removing::a_purge_without_a_condition_must_be_explicit,
            removing::a_prune_deletes_what_has_long_been_over,
            removing::a_prune_takes_first_what_has_been_over_for_longest,
            removing::a_pruned_entry_is_gone,
            removing::a_prune_forgets_replays_that_are_over,
            payloads::headers_survive_to_the_byte,
            payloads::bodies_survive_to_the_byte,
            payloads::a_sealed_body_stays_sealed,
            payloads::methods_and_urls_survive,
            payloads::keys_survive_and_stay_distinct,
            notifications::a_change_that_makes_an_entry_claimable_notifies,
            notifications::an_end_notifies,
            durability::what_was_acknowledged_is_there_when_the_store_is_opened_again,
            durability::an_operation_that_is_dropped_takes_place_whole_or_not,
            durability::a_health_check_finds_leases_that_have_run_out,
            concurrency::concurrent_workers_keep_the_cap_and_the_order,
            concurrency::concurrent_enqueues_store_every_entry,
            concurrency::concurrent_enqueues_store_a_dedup_key_once,
            concurrency::one_of_many_concurrent_edits_of_a_revision_succeeds,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __outbox_scenario_tests {
    ($attributes:tt $engine:ty => $($module:ident::$name:ident,)+) => {
        $($crate::__outbox_scenario_test! { $attributes $engine, $name })+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __outbox_scenario_test {
    ([$($attribute:tt)*] $engine:ty, $name:ident) => {
        #[test]
        $($attribute)*
        fn $name() {
            $crate::run::<$engine>(stringify!($name));
        }
    };
}

/// Runs every scenario, one after the other, and then 64 [histories](super::check_histories).
///
/// # Errors
///
/// The first promise that is broken.
pub async fn check<E: Engine>() -> Result<(), Violation> {
    for scenario in Scenario::ALL {
        scenario.play::<E>().await?;
    }
    super::check_histories::<E>(super::histories::CASES).await
}

/// Runs the scenario of this name on its own runtime.
#[doc(hidden)]
pub fn run<E: Engine>(name: &str) {
    let named = Scenario::ALL.iter().find(|scenario| scenario.name() == name);
    let Some(scenario) = named else {
        unreachable!("the names of tests and scenarios are written once");
    };
    wait_for(scenario.play::<E>());
}

/// Runs the histories on their own runtime.
#[doc(hidden)]
pub fn run_histories<E: Engine>() {
    let cases = env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    wait_for(super::check_histories::<E>(cases.unwrap_or(super::histories::CASES)));
}

#[expect(clippy::panic, reason = "a test that panics has failed")]
fn wait_for(kept: impl Future<Output = Result<(), Violation>>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    match runtime.worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            if let Err(violation) = runtime.block_on(kept) {
                panic!("{violation}");
            }
        }
        Err(error) => panic!("the runtime of the test cannot be made: {error}"),
    }
}
