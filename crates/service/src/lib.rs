//! What every service that stores has in common, beside its consumer: how it starts, what it answers to probes, how it
//! accounts for events in the ledger or beside it, and what an error of the database means for an event.
//!
//! It never decides what an event means, and has no table of its own.

pub mod attempts;
pub mod database_health;
mod dead_letter;
mod failure;
pub mod handling;
pub mod journal;
pub mod ledger;
pub mod probes;
pub mod span;
mod start;

pub use failure::failure;
pub use start::{Open, start, start_with};
