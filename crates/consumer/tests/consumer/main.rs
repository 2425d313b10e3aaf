//! The pull loop against a real broker: what the service says is what the broker hears.
#![cfg(test)]

mod breaker;
mod deliveries;
mod faults;
mod kit;
mod verdicts;
mod waits;
