//! The verbs of the program.

pub(crate) mod serve;
pub(crate) mod traffic;
