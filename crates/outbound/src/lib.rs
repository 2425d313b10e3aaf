//! Calls to other companies, over HTTP.
//!
//! Promised: every wait has an end and every answer a largest size; what may be repeated is repeated with growing waits,
//! never sooner than the other side asks for; redirects are not followed; private addresses are not called unless the
//! settings allow them, whatever a name resolves to at that moment; a destination that fails again and again rests; and
//! no error, log line or span holds a header, a body, a path or a value of a query. Proved by the tests of this crate,
//! against a server that misbehaves.
//!
//! Never here: what an answer means (that is each API's own crate), limits that replicas share (those are rows:
//! `store::rate_limits`), and work that outlives the process (a repeat that
//! must survive a crash belongs on a stream).

mod answer;
mod attempt;
mod circuit;
mod client;
mod download;
mod error;
mod guard;
mod reach;
mod redact;
mod repeat;
mod request;
mod retry_after;
mod sign;
mod verdict;

pub use answer::Answer;
pub use client::Client;
pub use download::{Body, Download};
pub use error::{BuildError, Error};
pub use reach::Unreachable;
pub use request::{Repeat, Request};
pub use reqwest::Url;
pub use sign::{SignError, SigningKey, signature, standard_headers};
pub use verdict::Verdict;
