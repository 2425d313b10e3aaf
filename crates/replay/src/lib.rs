//! Replay: what died, or was completed, is published again under an id of its own, linked to the original.
//!
//! Promises:
//! - Of an original and all its replays one has effects, unless a replay is told to have them (`--force-effects`). The
//!   consumers decide it under a lock on the original's row (`store::webhook_events::admit`). Proved by
//!   `a_dead_event_is_completed_once_when_its_cause_is_gone` and
//!   `a_replay_of_a_completed_event_changes_nothing_unless_effects_are_forced`.
//! - A job publishes each of its items once, also when whoever runs it is killed in the middle: an item is claimed with
//!   the id and key of its replay before it is published. Proved by
//!   `a_runner_that_is_killed_in_the_middle_leaves_each_event_replayed_once`.
//! - What can never succeed is refused in the plan, with its reason; an empty filter is refused whole. Proved by
//!   `an_empty_filter_is_refused` and `what_can_never_succeed_is_refused_with_its_reason`.
//! - An edited body is read as its provider's before it is published, breaks nothing of the provider's schema that was
//!   not broken before, and the difference is kept. Proved by `an_edit_that_its_provider_would_not_send_is_refused`,
//!   `what_an_edit_breaks_of_the_schema_is_named_and_refused` and
//!   `an_edited_event_is_completed_and_its_difference_kept`.
//!
//! It never changes an original, and never decides what an event means.

mod again;
mod batch;
pub mod edit;
mod job;
mod original;
mod plan;
mod runner;
mod selection;

pub use edit::{Change, EditError, Edited};
pub use job::{Order, RATE_DEFAULT, RATE_MAX, StartError, start};
pub use original::{LoadError, Original, load};
pub use plan::{ITEMS_MAX, Plan, PlanError, Planned, plan, plan_edit};
pub use runner::run;
pub use selection::Selection;
