//! The service against a real broker, a real database, and hooks that misbehave.

#![cfg(test)]

mod dead_letters;
mod given;
mod hooks;
mod hostile;
mod process;
mod raw;
mod replays;
mod sessions;
mod sharing;
