//! The edge takes webhooks in.
//!
//! It promises that a 2xx is given only after every event of the delivery is acknowledged by its stream
//! (`what_got_200_is_on_the_stream_after_the_broker_was_killed`), that a refusal is quick and says nothing of the inside,
//! and that no caller, however hostile, costs more memory than the configured limits.
//!
//! It never parses more of a body than cutting it into events needs, never re-serialises one, never touches a database,
//! and never logs a secret, a body or an address (`no_log_line_holds_a_secret`).
//!
//! The way of a request: [`http`] gives it an id and a span, [`gate`] decides by address and limits, [`ingest`]
//! authenticates, reads, splits, publishes and answers. What differs between senders is a [`provider`].

mod start;

mod files;
mod server;
mod tls;

mod http;
mod probes;

mod address;
mod certificate;
mod gate;
mod rate;

mod body;
mod handshake;
mod ingest;
mod publish;
mod secrets;
mod streaming;

mod provider;

mod error;
mod metrics;
mod refusals;

pub use probes::health;
pub use start::{Edge, Open, SettingError};
