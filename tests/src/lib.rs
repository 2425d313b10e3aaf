//! The black-box harness: the real programs as processes, on a private broker and a private database, spoken to as
//! providers, operators and accidents do.

mod accept;
pub mod chaos;
mod cluster;
mod process;
mod proxy;
mod social;
mod system;

pub use accept::{Lead, Reply};
pub use cluster::Cluster;
pub use process::{Process, binary};
pub use proxy::Proxy;
pub use social::{ACCOUNT, messaging, social};
pub use system::{Database, Options, SECRET, System, messages};

use std::time::Duration;

/// How long anything that must happen may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_mins(1);
