//! Contact2Sale's API: the only place that calls Contact2Sale.
//!
//! Every method is one call and never more: C2S allows some ten calls a minute for all of us together, so whoever calls
//! takes each call from the shared limit first (`store::rate_limits`, [`LIMIT_KEY`]) and decides about the next one.

mod client;
mod error;
mod lead;

pub use client::{C2sApi, LIMIT_KEY, PER_PAGE, SetupError};
pub use error::Error;
pub use lead::{Lead, Message, Page};
