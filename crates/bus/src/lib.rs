//! The broker, as Weir uses it: one connection, streams and consumers that match their description, publishing that
//! returns only when the event is durable, and claims for bodies that are too large for a message.
//!
//! Never here: fire-and-forget publishing, and following a stream (that is the `consumer` crate's).

pub mod claim;
mod connection;
mod publisher;
mod scan;
mod state;
mod stored;
mod topology;
mod verify;

pub use connection::{Bus, ConnectError, connect};
pub use publisher::{Event, PublishError, Publisher, Receipt};
pub use state::{ConsumerState, StreamState, age};
pub use stored::{NoAnswer, Stored, header_pairs, is_no_message};
pub use topology::{Action, BucketSpec, Change, ConsumerSpec, StreamSpec, Topology};
pub use verify::Mismatch;
