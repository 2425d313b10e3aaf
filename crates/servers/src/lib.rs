//! Finds, installs and runs nats-server and PostgreSQL for developers and tests.
//!
//! What it starts is private: a port that nobody uses, a data folder that the caller gives, loopback only. A server dies
//! with the process that started it, even when that is killed with SIGKILL (proved by
//! `a_child_dies_when_its_parent_is_killed`), unless it was started [`Life::Detached`]. It works as root, too:
//! PostgreSQL, which refuses root, then runs as another user.

mod nats;
mod port;
mod postgres;
mod process;
mod tools;
mod user;

use std::path::{Path, PathBuf};

pub use nats::{Nats, NatsOptions};
pub use port::{free as free_port, is_taken as is_port_taken};
pub use postgres::{Durability, Postgres, PostgresOptions};
pub use process::{Launch, Life, Process, Remembered, Signal};
pub use tools::{NatsServer, PostgresBin, Tools, Version};

/// The folder of the repository that git ignores and everything local lives in.
pub fn local_dir() -> PathBuf {
    repository().join(".weir")
}

/// The root of the repository this was built from.
pub fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("this crate lies two folders below the root").to_path_buf()
}
