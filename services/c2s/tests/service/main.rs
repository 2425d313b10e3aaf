//! The service against a real broker and a real database.

#![cfg(test)]

mod dead_letters;
mod effects;
mod faults;
mod given;
mod probes;
mod process;
