//! Which addresses may be called. A URL that somebody configured or sent must not reach what only the machines beside us
//! should reach (SSRF): metadata services, databases, admin ports.
//!
//! The check is on the addresses that the connection is then made to, so a name that resolves to something else the
//! second time changes nothing.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, LazyLock},
};

use config::IpAddrOrNet;
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

/// The rule, shared by the check of bare addresses and the resolver.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    allowed: Arc<[IpAddrOrNet]>,
}

/// A name resolved, and to nothing that may be called.
#[derive(Debug, thiserror::Error)]
#[error("no address of the host may be called")]
pub(crate) struct ForbiddenAddress;

impl Guard {
    pub(crate) fn new(allowed: &[IpAddrOrNet]) -> Self {
        Self { allowed: allowed.into() }
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

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let permitted: Vec<SocketAddr> = found.filter(|address| guard.permits(address.ip())).collect();
            if permitted.is_empty() {
                return Err(ForbiddenAddress.into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allowed: &[&str]) -> Guard {
        Guard::new(&allowed.iter().map(|net| net.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn only_public_addresses_may_be_called() {
        let guard = guard(&[]);
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fd00:ec2::254",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "ff02::1",
            "2001:db8::1",
        ] {
            assert!(!guard.permits(address.parse().unwrap()), "{address}");
        }
        for address in
            ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a03:2880::1", "64:ff9b::808:808"]
        {
            assert!(guard.permits(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_the_settings_allow_may_be_called() {
        let guard = guard(&["127.0.0.1", "10.1.0.0/16"]);
        for (address, permitted) in [
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.1.9.9", true),
            ("10.2.0.1", false),
            ("::1", false),
        ] {
            assert_eq!(guard.permits(address.parse().unwrap()), permitted, "{address}");
        }
    }

    #[test]
    fn a_bare_address_is_checked_however_it_is_spelled() {
        let guard = guard(&[]);
        for url in [
            "http://127.0.0.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://017700000001/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "https://user@10.0.0.1:8443/x",
        ] {
            assert!(matches!(guard.check(&Url::parse(url).unwrap()), Err(Error::Forbidden)), "{url}");
        }
        for url in ["file:///etc/passwd", "ftp://example.com/", "gopher://example.com/"] {
            assert!(matches!(guard.check(&Url::parse(url).unwrap()), Err(Error::Scheme)), "{url}");
        }
        assert!(guard.check(&Url::parse("https://graph.instagram.com/").unwrap()).is_ok());
    }
}
