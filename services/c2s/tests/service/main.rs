//! The service against a real broker and a real database.

#![cfg(test)]

mod dead_letters;
mod effects;
mod enriching;
mod enrichment;
mod enrichment_limits;
mod enrichment_process;
mod enrichment_refusals;
mod enrichment_replays;
mod faults;
mod given;
mod poll;
mod probes;
mod process;
