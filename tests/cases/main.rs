//! What Weir promises, tried on the real programs.
#![cfg(test)]

mod breaker;
mod broker;
mod c2s;
mod chaos;
mod cluster;
mod consumer;
mod cut_off;
mod database;
mod enrich;
mod hooks;
mod hostile;
mod operator;
mod replay;
mod settings;
mod trace;
mod twice;
