//! `cargo xtask tools`: nats-server and PostgreSQL, found or installed.

use std::process::ExitCode;

use servers::{NatsServer, PostgresBin, Tools};

use crate::console::{say, short, status};

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    both()?;
    Ok(ExitCode::SUCCESS)
}

/// Both, with a line for each.
pub(crate) fn both() -> anyhow::Result<(NatsServer, PostgresBin)> {
    let (nats, postgres) = (nats_server()?, postgres()?);
    status("nats-server", &format!("{} in {}", nats.version, short(&nats.binary)));
    status("PostgreSQL", &format!("{} in {}", postgres.version, short(&postgres.folder)));
    Ok((nats, postgres))
}

/// nats-server, installed if need be.
pub(crate) fn nats_server() -> anyhow::Result<NatsServer> {
    Tools::of_repository().install_nats_server(&say)
}

/// PostgreSQL, installed if need be.
pub(crate) fn postgres() -> anyhow::Result<PostgresBin> {
    Tools::of_repository().install_postgres(&say)
}
