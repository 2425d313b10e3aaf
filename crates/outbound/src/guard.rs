//! Which addresses may be called. A URL that somebody configured or sent must not reach what only the machines beside us
//! should reach (SSRF): metadata services, databases, admin ports.
//!
//! The check is on the addresses that the connection is then made to, so a name that resolves to something else the
//! second time changes nothing.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, LazyLock},
};

use config::IpAddrOrNet;
use futures::future::BoxFuture;
use ipnet::IpNet;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use crate::Error;

/// Everything that is not an address of the public internet (IANA's special-purpose registries), and prefixes that may
/// lead to such addresses through a tunnel.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

static REFUSED: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    NOT_PUBLIC.iter().map(|net| net.parse().expect("the networks of the list are networks")).collect()
});

/// Looks a name up.
type LookUp = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The rule, shared by the check of bare addresses and the resolver.
#[derive(Clone)]
pub(crate) struct Guard {
    allowed: Arc<[IpAddrOrNet]>,
    look_up: LookUp,
}

/// A name resolved, and to nothing that may be called.
#[derive(Debug, thiserror::Error)]
#[error("no address of the host may be called")]
pub(crate) struct ForbiddenAddress;

impl Guard {
    pub(crate) fn new(allowed: &[IpAddrOrNet]) -> Self {
        Self::with(allowed, Arc::new(|name| Box::pin(machines_resolver(name))))
    }

    fn with(allowed: &[IpAddrOrNet], look_up: LookUp) -> Self {
        Self { allowed: allowed.into(), look_up }
    }

    /// Whether this address may be called. Proved by `only_public_addresses_may_be_called`.
    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        let address = target(address);
        self.allowed.iter().any(|net| net.contains(&address))
            || !REFUSED.iter().any(|net| net.contains(&address))
    }

    /// Checks what the resolver never sees: the scheme, and a bare address in the place of a name.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Error> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::Scheme);
        }
        let host = url.host_str().unwrap_or_default();
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) if !self.permits(address) => Err(Error::Forbidden),
            _ => Ok(()),
        }
    }
}

/// The address that is reached: an IPv4 address in an IPv6 one (mapped, or translated by NAT64) is what counts.
fn target(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if v6.segments().starts_with(&[0x64, 0xff9b, 0, 0, 0, 0]) => {
            let [.., a, b, c, d] = v6.octets();
            Ipv4Addr::new(a, b, c, d).into()
        }
        other => other,
    }
}

async fn machines_resolver(name: String) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

/// The connection is made to one of the addresses that are returned here, and the name is not looked up again. Proved by
/// `a_name_that_changes_its_mind_reaches_nothing_private`.
impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = (guard.look_up)(name.as_str().to_owned()).await?;
            let permitted: Vec<SocketAddr> =
                found.into_iter().filter(|address| guard.permits(address.ip())).collect();
            if permitted.is_empty() {
                return Err(ForbiddenAddress.into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
