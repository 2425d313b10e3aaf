//! Free ports.

use std::{
    fs,
    hash::{BuildHasher as _, RandomState},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
};

use anyhow::bail;

/// Used when the system does not tell its own range.
const EPHEMERAL_FROM: u16 = 32_768;

/// A port on loopback that nobody listens on.
///
/// Not one the system would choose for port 0: those are also given to outgoing connections. While a broker is down in a
/// test, a client that reconnects to its port can be given that very port, connect to itself, and keep the broker from
/// coming back. So the port is chosen at random below that range.
pub fn free() -> anyhow::Result<u16> {
    let range = 15_000..ephemeral_from().max(20_000);
    for _ in 0..200 {
        let port = random_in(&range);
        if !is_taken(port) {
            return Ok(port);
        }
    }
    bail!("no free port between {} and {}: stop something that listens there", range.start, range.end)
}

/// Whether somebody listens on this port on loopback or on every address, or we may not.
pub fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

fn random_in(range: &Range<u16>) -> u16 {
    // The standard library's hasher has a random key; that is all the randomness this needs.
    let random = RandomState::new().hash_one(0_u8) % u64::from(range.end - range.start);
    range.start + u16::try_from(random).unwrap_or_default()
}

fn ephemeral_from() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(EPHEMERAL_FROM)
}
