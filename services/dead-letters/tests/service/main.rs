//! The service against a real broker and a real database.

#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "messages are treated here as no consumer of ours may treat them"
)]

mod audits;
mod cost;
mod given;
mod hardships;
mod losses;
mod many;
mod process;
mod recorder;
mod replays;
mod secondaries;
mod verdicts;
