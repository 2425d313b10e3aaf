//! The loop by which every Weir service consumes events: pull what there is room for, apply, commit, then settle.
//!
//! Promises:
//! - An event is acknowledged only after its handler said that its effects are committed.
//! - A failed event is given back with a delay that grows with its attempts; a bare nak does not exist here.
//! - A dead event is recorded by the service's [`Journal`] before it is terminated.
//! - One bad event does not fail its neighbours: a failing batch is split until the bad ones are alone.
//! - A dependency that is away costs no attempts: the loop holds what it has and waits.
//! - A limit or a pause costs no attempts either: the handler says how long to wait, and the loop holds what it has.
//! - A delivery that ended without a word is no attempt. An event whose deliveries end so again and again is handled
//!   alone; one that kills the process each time becomes a dead letter, and its neighbours do not.
//! - A handler that makes too many dead letters pauses its consumer, on the server, instead of draining the stream.
//! - received = settled + in flight, at every moment; see [`Account`].
//!
//! It never decides what an event means, never touches a database, and never creates streams or consumers.

mod account;
mod backoff;
mod breaker;
mod failure;
mod handler;
mod message;
mod patience;
mod pull;
mod settle;
mod tend;
mod work;

pub use account::Account;
pub use backoff::Backoff;
pub use failure::{Failure, Outcome};
pub use handler::{Batch, Handler, Journal, OnRecord, OneByOne, Received};
pub use message::Message;
pub use pull::{Source, start};
