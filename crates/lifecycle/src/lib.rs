//! How a process starts, says how it is, and stops.
//!
//! Stopping has two stages. *Drain*: readiness answers 503, nothing new is taken, what is in flight is finished.
//! *Abort*: the deadline passed or a second signal came; what is left is abandoned, to be delivered again elsewhere.

mod health;
mod probes;
mod shutdown;

pub use health::{Check, Health, Report};
pub use probes::{router, serve};
pub use shutdown::Shutdown;
