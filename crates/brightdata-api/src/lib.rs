//! Bright Data's API (datasets, version 3): the only place that calls Bright Data.
//!
//! It triggers jobs, follows them, downloads what they brought in pieces, and asks for a delivery once more. A job costs
//! money, so a trigger whose answer was lost is not repeated: see [`outbound::Repeat`].

mod client;
mod error;
mod model;
mod trigger;

pub use client::{BrightDataApi, SetupError};
pub use error::Error;
pub use model::{Delivery, NotASnapshotId, Progress, Snapshot, SnapshotId};
pub use outbound::Body;
pub use trigger::{Format, Trigger};
