//! Replays with a real broker, a real database, and the real service that stores leads.
#![cfg(test)]

mod edits;
mod effects;
mod given;
mod jobs;
mod selections;
mod sources;
