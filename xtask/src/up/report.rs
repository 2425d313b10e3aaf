//! Tells where everything is: on the screen for people, in `.weir/env` for their shells.

use std::{fmt::Write as _, path::Path};

use super::curls::{self, quoted};
use crate::{
    console::{print, short},
    local::{Local, write_private},
    state::Addresses,
};

/// Writes `.weir/env` and prints.
pub(super) fn ready(addresses: &Addresses, local: &Local) -> anyhow::Result<()> {
    write_private(&local.env_file(), &shell(addresses))?;
    self::addresses(addresses, local);
    Ok(())
}

/// Prints the addresses and something to try.
pub(super) fn addresses(addresses: &Addresses, local: &Local) {
    let mut text = String::from("\n");
    let mut line = |name: &str, value: &str| writeln!(text, "  {name:<12} {value}").ok();
    line("edge", &addresses.edge_url);
    for (service, url) in &addresses.probes {
        line(service, &format!("{url}/health  {url}/metrics"));
    }
    for (setting, url) in addresses.settings.iter().filter(|(name, _)| name.ends_with("__BASE_URL")) {
        line("simulated", &format!("{url} (as {setting})"));
    }
    line("NATS", &addresses.nats_url);
    if let Some(url) = &addresses.nats_monitoring_url {
        line("", &format!("{url}/jsz"));
    }
    line("PostgreSQL", &addresses.database_url);
    line("logs", &short(&local.log("*")));
    line("your shell", &format!("source {}", short(&local.env_file())));
    line("operate", &format!("{}/weir events list", short(Path::new(&addresses.programs))));
    print(&text);
    for (title, curl) in curls::all(addresses) {
        print(&format!("{title}\n\n{curl}\n"));
    }
}

/// The addresses in shell syntax, under names that Weir's own programs read.
fn shell(addresses: &Addresses) -> String {
    let mut text = String::from("# Written by `cargo xtask up`; true while it runs.\n");
    let mut export = |name: &str, value: &str| writeln!(text, "export {name}={}", quoted(value)).ok();
    export("NATS_URL", &addresses.nats_url);
    export("DATABASE_URL", &addresses.database_url);
    export("WEIR_EDGE_URL", &addresses.edge_url);
    if let Some(url) = &addresses.nats_monitoring_url {
        export("WEIR_NATS__MONITORING_URL", url);
    }
    for (setting, value) in &addresses.settings {
        export(setting, value);
    }
    for (service, url) in &addresses.probes {
        let name = service.trim_start_matches("weir-").replace('-', "_").to_uppercase();
        export(&format!("{name}_PROBE_URL"), url);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Addresses {
        Addresses {
            nats_url: "nats://127.0.0.1:20001".to_owned(),
            nats_monitoring_url: None,
            database_url: "postgres://weir:it's@127.0.0.1:20002/weir".to_owned(),
            edge_url: "http://127.0.0.1:8000".to_owned(),
            settings: [("WEIR_SEAL__KEYS".to_owned(), "local:k==".to_owned())].into(),
            probes: [("weir-c2s".to_owned(), "http://127.0.0.1:20003".to_owned())].into(),
            programs: "target/debug".to_owned(),
        }
    }

    #[test]
    fn a_shell_reads_back_what_was_written() {
        let script = format!("{}\nprintf '%s|%s' \"$DATABASE_URL\" \"$C2S_PROBE_URL\"", shell(&example()));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, "postgres://weir:it's@127.0.0.1:20002/weir|http://127.0.0.1:20003");
    }
}
