//! The service against a real broker and a real database.

#![cfg(test)]

mod any_order;
mod dead_letters;
mod effects;
mod faults;
mod given;
mod order;
mod process;
mod silence;
