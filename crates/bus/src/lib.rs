//! The broker, as Weir uses it: one connection, streams and consumers that match their description, and publishing that
//! returns only when the event is durable.
//!
//! Never here: fire-and-forget publishing, and reading a stream (that is the `consumer` crate's).

mod connection;
mod publisher;
mod topology;
mod verify;

pub use connection::{Bus, ConnectError, connect};
pub use publisher::{Event, PublishError, Publisher, Receipt};
pub use topology::{Action, Change, ConsumerSpec, StreamSpec, Topology};
pub use verify::Mismatch;
