//! Failures that are the same but for ids, numbers and quoted text: one group each, counted from the dead letters.
//!
//! Counts are not kept but made when asked for, so that they cannot be wrong: proved by
//! `groups_are_counted_exactly_however_often_a_dead_letter_is_recorded`.

mod fingerprint;
mod list;

pub use fingerprint::{Failure, fingerprint, normalised};
pub use list::{Group, list};
