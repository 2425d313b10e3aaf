//! Whether a service is ready to work.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::bail;
use servers::Process;

use crate::interrupt::{Interrupt, POLL};

/// A service that is not ready by then will not be.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// Lines of a log that are worth showing.
const TAIL_LINES: usize = 15;

/// Waits until `/readyz` of the service answers 200.
pub(super) fn wait(process: &mut Process, listen: SocketAddr, interrupt: &Interrupt) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    let address = reachable(listen);
    let mut last = None;
    while Instant::now() < deadline {
        interrupt.check()?;
        if process.has_ended() {
            bail!("{}", epitaph(process));
        }
        last = readiness(address).or(last);
        if last.as_deref() == Some("200") {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
    bail!(
        "{} is not ready after {} seconds (http://{address}/readyz answers {}): see {}",
        process.name(),
        READY_WITHIN.as_secs(),
        last.as_deref().unwrap_or("nothing"),
        process.log().display()
    )
}

/// Waits until the process takes connections at `listen`.
pub(super) fn wait_listening(
    process: &mut Process,
    listen: SocketAddr,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY_WITHIN;
    while TcpStream::connect(listen).is_err() {
        interrupt.check()?;
        if process.has_ended() {
            bail!("{}", epitaph(process));
        }
        if Instant::now() > deadline {
            bail!("{} does not listen on {listen}: see {}", process.name(), process.log().display());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// What to say of a process that ended although nobody stopped it.
pub(super) fn epitaph(process: &Process) -> String {
    format!(
        "{} has ended by itself; the end of its log, {}:\n{}",
        process.name(),
        process.log().display(),
        process.log_tail(TAIL_LINES)
    )
}

/// The address to call for one who listens there.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The status with which `/readyz` answers. One request a service does not pay for an HTTP client to compile.
fn readiness(address: SocketAddr) -> Option<String> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    line.split_whitespace().nth(1).map(str::to_owned)
}
