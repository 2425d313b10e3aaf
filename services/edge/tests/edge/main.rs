//! The edge over real HTTP against a real broker: what senders see, and what lies on the stream afterwards.
#![cfg(test)]

mod binary;
mod brightdata;
mod broker;
mod c2s;
mod drain;
mod harness;
mod hostile;
mod instagram;
mod limits;
mod logs;
mod probes;
mod process;
mod settings;
mod tls;
mod traces;
mod usage;
