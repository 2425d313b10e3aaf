//! What Weir promises, tried on the real programs.
#![cfg(test)]

mod broker;
mod c2s;
mod chaos;
mod consumer;
mod cut_off;
mod database;
mod hostile;
mod operator;
mod settings;
mod trace;
mod twice;
