//! The service against a real broker and a real database.

#![cfg(test)]

mod dead_letters;
mod faults;
mod given;
mod hostile;
mod jobs;
mod order;
mod process;
mod records;
mod replays;
