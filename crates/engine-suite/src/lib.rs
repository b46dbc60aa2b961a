//! The tests that every engine must pass, written against core's ports alone.
//!
//! An engine brings a [`Storage`] for the state port, a [`QueryStorage`] for
//! the query port, an [`EventStorage`] for the event port, a [`BacklogStorage`]
//! for the backlogs port and a `Sessions` for the sessions port, and lets
//! [`state_store_suite!`], [`query_suite!`], [`event_log_suite!`],
//! [`backlogs_suite!`] and [`sessions_suite!`] make a test of each behaviour.
//! Each test gets storage of its own.
//!
//! The functions panic where an engine breaks the contract: they are tests,
//! kept in a library so that several engines can run them.
#![allow(
    clippy::unwrap_used,
    reason = "the crate is a test suite: a failure is a panic"
)]

pub mod backlogs;
pub mod events;
mod fixture;
pub mod live;
pub mod queries;
mod recorder;
pub mod state;

use std::sync::Arc;

use async_trait::async_trait;
use twinhub_core::ports::{Backlogs, EventLog, QueryStore, Sessions, StateStore};

/// Storage for one test: empty at first, and there until it is dropped.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Opens the storage, with what is in it. The suite drops what it got
    /// before it opens the same storage again.
    async fn open(&self, sessions: Arc<dyn Sessions>) -> Arc<dyn StateStore>;
}

/// Storage of twins to query for one test: empty, and there until it is
/// dropped.
#[async_trait]
pub trait QueryStorage: Send + Sync + 'static {
    /// Opens the storage: what is written into the one is found by the other.
    async fn open(&self) -> (Arc<dyn StateStore>, Arc<dyn QueryStore>);
}

/// Storage of events for one test: empty at first, with [`events::hubs`] of
/// [`events::PARTITIONS`] each, and there until it is dropped.
#[async_trait]
pub trait EventStorage: Send + Sync + 'static {
    /// Opens the storage, with what is in it. The suite drops what it got
    /// before it opens the same storage again.
    async fn open(&self) -> Arc<dyn EventLog>;
}

/// Storage of backlogs for one test: empty at first, for [`events::hubs`] of
/// [`events::PARTITIONS`] each, and there until it is dropped.
#[async_trait]
pub trait BacklogStorage: Send + Sync + 'static {
    /// Opens the storage, with what is in it. The suite drops what it got
    /// before it opens the same storage again.
    async fn open(&self) -> Arc<dyn Backlogs>;
}

/// Makes a test of each behaviour of the backlogs port; `$storage` is
/// evaluated for each.
#[macro_export]
macro_rules! backlogs_suite {
    ($storage:expr) => {
        $crate::suite! { backlogs, $storage;
            opening: a_new_backlog_is_empty,
                a_backlog_is_the_same_however_often_it_is_opened,
                a_backlog_is_the_same_for_all_who_race_to_open_it,
                endpoints_are_apart,
                hubs_are_apart;
            progress: progress_comes_back_as_it_was_saved,
                a_partition_that_there_is_not_is_refused,
                what_is_not_delivered_stays,
                numbers_go_on_when_all_is_delivered,
                partitions_are_saved_side_by_side;
            removal: a_removed_backlog_is_gone_and_others_stay,
                what_there_is_not_can_be_removed,
                producers_of_a_removed_backlog_are_told,
                readers_who_wait_for_a_removed_backlog_are_told,
                nothing_is_read_or_saved_of_a_removed_backlog;
            reopening: events_and_progress_are_there_after_reopening,
                what_is_left_of_an_endpoint_is_listed_and_removed;
        }
    };
}

/// Makes a test of each behaviour of the event port; `$storage` is evaluated
/// for each.
#[macro_export]
macro_rules! event_log_suite {
    ($storage:expr) => {
        $crate::suite! { events, $storage;
            appending: an_event_comes_back_as_it_was_sent,
                a_large_message_comes_back_whole,
                a_sender_keeps_its_order,
                a_dropped_sender_loses_nothing_handed_over,
                a_missing_hub_has_no_producer;
            partitions: an_empty_partition_is_known,
                a_partition_tells_of_its_newest_event,
                modules_share_the_partition_of_their_device,
                hubs_are_apart;
            reading: events_are_read_from_any_number,
                a_read_has_at_least_one_event,
                readers_begin_where_they_say,
                readers_of_an_empty_partition_begin_at_the_first,
                a_reader_waits_for_the_next_event;
            reopening: events_are_there_after_reopening_and_numbers_go_on;
        }
    };
}

/// Makes a test of each behaviour of the query port; `$storage` is evaluated
/// for each.
#[macro_export]
macro_rules! query_suite {
    ($storage:expr) => {
        $crate::suite! { queries, $storage;
            reading: twins_of_a_source_come_by_id,
                a_slice_begins_after_any_identity,
                wanted_parts_are_as_they_were_written,
                one_part_is_read_without_the_others,
                wanted_paths_are_there_with_what_open_conditions_need,
                the_connected_are_read_by_id_however_many_they_are,
                what_the_sieve_lets_through_is_read_and_no_slice_ends_early,
                hubs_are_apart;
            conditions: rows_that_fulfil_a_condition_are_found,
                conditions_side_by_side_all_count;
            folding: every_twin_is_folded_once,
                what_is_folded_has_what_is_wanted_and_what_is_open,
                conditions_on_arrays_are_given_rows;
        }
    };
}

/// Makes a test of each behaviour of the state port; `$storage` is evaluated
/// for each.
#[macro_export]
macro_rules! state_store_suite {
    ($storage:expr) => {
        $crate::suite! { state, $storage;
            activity: activity_is_read_with_the_identity,
                activity_of_the_unregistered_is_skipped,
                newer_activity_takes_the_place_of_older,
                a_large_batch_of_activity_is_written;
            announcements: announcements_are_made_before_commit_returns,
                a_refused_unit_announces_nothing,
                announcements_come_in_the_order_of_commits;
            authorities: authorities_come_back_as_they_were_written,
                authorities_are_replaced_and_removed_at_their_revision;
            concurrency: of_those_who_race_for_a_revision_one_wins,
                a_task_reads_what_it_wrote,
                refused_units_do_not_hurt_their_neighbours;
            consumer_groups: consumer_groups_come_back_as_they_were_written,
                consumer_groups_are_removed_at_their_revision;
            counts: counts_follow_every_kind_of_change,
                a_refused_unit_leaves_the_counts_alone,
                counts_are_per_hub;
            documents: a_twin_comes_back_as_it_was_written,
                a_large_twin_comes_back_as_it_was_written,
                every_kind_of_identity_comes_back_as_it_was_written,
                numbers_at_the_edge_come_back_as_they_were_written;
            feedback: feedback_comes_back_as_it_was_written,
                feedback_is_numbered_and_read_in_pages,
                feedback_is_removed_by_number,
                too_much_feedback_is_trimmed,
                stocks_tell_how_much_feedback_there_is,
                the_book_of_batches_is_written_at_its_revision,
                feedback_of_two_hubs_is_apart;
            hubs: the_stored_hubs_are_listed_by_name,
                a_hub_comes_back_with_its_policies_by_name,
                the_case_of_a_policy_name_does_not_matter,
                policies_are_replaced_and_removed_at_their_revision,
                a_hub_is_inserted_once,
                a_hub_that_holds_something_cannot_be_removed,
                nothing_is_written_into_a_missing_hub;
            kept_sessions: the_last_state_stands,
                a_removed_state_is_gone_and_may_be_removed_again,
                a_state_needs_its_identity,
                a_session_that_was_taken_over_changes_nothing,
                what_a_newer_session_loads_is_final;
            lists: devices_are_listed_in_byte_order,
                pages_continue_after_the_last_device,
                ids_that_differ_in_case_are_different,
                modules_are_not_listed_among_devices,
                modules_are_read_by_name_with_their_device,
                a_module_is_read_with_its_device;
            outbox: events_come_back_as_they_were_written,
                events_are_numbered_in_the_order_of_commits,
                an_event_is_there_if_its_changes_are,
                events_are_removed_up_to_a_number,
                a_page_of_large_events_is_short,
                whoever_waits_hears_of_commits_with_events,
                outboxes_of_two_hubs_are_apart;
            queues: a_queue_comes_back_as_it_was_written,
                a_queue_is_written_at_its_revision,
                a_message_comes_back_as_it_was_written,
                a_message_needs_its_queue_and_a_number_of_its_own,
                identities_tell_how_many_messages_wait,
                the_queues_that_are_due_first_are_found,
                a_queue_goes_with_its_identity,
                queues_of_two_hubs_are_apart,
                queues_are_there_after_reopening;
            removal: an_identity_takes_what_is_its_own_along,
                a_namesake_starts_anew,
                a_device_does_not_take_its_modules_along,
                a_stale_removal_is_refused;
            reopening: everything_is_there_after_reopening,
                revisions_are_not_given_again_after_reopening;
            routing: routing_comes_back_as_it_was_written,
                routing_is_replaced_at_its_revision;
            transfers: transfers_come_back_as_they_were_written,
                transfers_are_replaced_at_their_revision;
            units: a_unit_is_all_or_nothing,
                steps_see_the_steps_before_them,
                an_insert_needs_absence,
                a_replacement_needs_the_revision,
                a_fence_lets_one_of_two_through,
                a_fence_changes_nothing_but_the_revision,
                a_twin_needs_its_identity,
                a_revision_is_never_given_twice,
                an_empty_unit_succeeds;
        }
    };
}

/// Makes a test of each behaviour of the sessions port; `$sessions` is
/// evaluated for each.
#[macro_export]
macro_rules! sessions_suite {
    ($sessions:expr) => {
        $crate::suite! { live, $sessions;
            ending: a_newer_session_takes_over,
                an_older_mailbox_that_goes_late_leaves_the_newer_session,
                a_removed_identity_ends_its_session,
                a_session_that_takes_no_notices_is_ended,
                all_sessions_end_together,
                the_end_comes_before_waiting_notices;
            notices: desired_properties_reach_their_identity_alone,
                a_changed_identity_is_checked_again,
                a_changed_sponsor_reaches_those_it_let_in,
                notices_come_in_order,
                what_may_revoke_is_counted_before_it_is_told,
                waiting_messages_reach_those_who_listen,
                waiting_messages_are_told_once_and_end_no_session,
                hubs_do_not_hear_each_other;
            methods: a_call_reaches_the_session_that_listens,
                a_call_to_nobody_is_refused,
                a_call_to_a_full_mailbox_is_refused_and_ends_nothing,
                whoever_waits_is_woken_by_who_begins_to_listen,
                whoever_waits_does_not_wait_for_who_listens_already,
                whoever_waits_is_not_woken_by_others,
                a_session_that_was_taken_over_is_not_heard;
            presence: a_session_counts_while_it_lives,
                modules_do_not_count_as_devices,
                a_takeover_counts_once,
                the_session_in_its_place_is_the_current_one;
        }
    };
}

/// For the macros of this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! suite {
    ($part:ident, $given:expr; $($module:ident: $($test:ident),+;)+) => {
        $(mod $module {
            #[allow(unused_imports, reason = "the expression may name anything beside it")]
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    $crate::$part::$module::$test($given).await;
                }
            )+
        })+
    };
}
