//! The words that Weir's parts share, so that none of them is spelled twice: streams and subjects, message headers,
//! the event envelope (CloudEvents), answer and dead letter codes, and what each provider's payload means.
//!
//! Nothing here does I/O, reads a clock or knows a client library.

pub mod brightdata;
pub mod c2s;
pub mod code;
pub mod envelope;
pub mod header;
pub mod instagram;
pub mod json;
mod lenient;
pub mod metric;
pub mod replay;
pub mod stream;
pub mod usage;

pub use code::Code;
pub use envelope::{Envelope, EnvelopeError, EventId};
pub use replay::Replay;
