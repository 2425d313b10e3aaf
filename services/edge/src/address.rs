//! Who sends, and over what, when proxies may stand between.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use config::IpAddrOrNet;

/// The proxies whose headers are believed. From anybody else the same headers are nothing.
pub(crate) struct Proxies(Vec<IpAddrOrNet>);

impl Proxies {
    pub(crate) fn new(networks: &[impl Into<IpAddrOrNet> + Copy]) -> Self {
        Self(networks.iter().map(|network| (*network).into()).collect())
    }

    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client: the right-most hop of `X-Forwarded-For` that is no proxy of ours. What stands left of it, anybody
    /// can have written. Proved by `a_spoofed_hop_is_not_the_client`.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for hop in hops {
            let Some(address) = self.trusts(client).then(|| parse_hop(hop)).flatten() else { break };
            client = address;
        }
        client
    }

    /// Whether the proxy that we talk to says that the client spoke HTTPS. Of several words the nearest proxy's counts.
    pub(crate) fn says_https(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let last =
            headers.get_all("x-forwarded-proto").iter().next_back().and_then(|line| line.to_str().ok());
        self.trusts(peer.to_canonical())
            && last
                .and_then(|line| line.rsplit(',').next())
                .is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
    }
}

/// One key per IPv4 address and per IPv6 /64, which is what one subscriber has.
pub(crate) fn subscriber(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() & !u128::from(u64::MAX),
    }
}

/// One hop: an address, maybe with a port, IPv6 maybe in brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    hop.parse::<IpAddr>()
        .or_else(|_| hop.parse::<SocketAddr>().map(|with_port| with_port.ip()))
        .or_else(|_| hop.trim_start_matches('[').trim_end_matches(']').parse())
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies() -> Proxies {
        let networks: Vec<IpAddrOrNet> =
            ["10.0.0.0/8", "2001:db8::/32"].iter().map(|text| text.parse().unwrap()).collect();
        Proxies::new(&networks)
    }

    fn client(peer: &str, forwarded: &[&'static str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        proxies().client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_spoofed_hop_is_not_the_client() {
        // Not from a proxy: the header is nothing.
        assert_eq!(client("192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
        // The left-most hop is what the client itself wrote.
        assert_eq!(client("10.0.0.1", &["198.51.100.1, 192.0.2.9"]), "192.0.2.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1", "192.0.2.9, 10.0.0.2"]), "192.0.2.9");
    }

    #[test]
    fn hops_are_read_as_proxies_write_them() {
        assert_eq!(client("10.0.0.1", &["192.0.2.9:4711"]), "192.0.2.9");
        assert_eq!(client("10.0.0.1", &["[2001:db9::1]:4711"]), "2001:db9::1");
        assert_eq!(client("10.0.0.1", &["[2001:db9::1]"]), "2001:db9::1");
        assert_eq!(client("::ffff:10.0.0.1", &["::ffff:192.0.2.9"]), "192.0.2.9");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["10.0.0.3, 2001:db8::5"]), "10.0.0.3");
    }

    #[test]
    fn what_cannot_be_read_ends_the_chain_at_the_last_known_hop() {
        assert_eq!(client("10.0.0.1", &["198.51.100.1, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.1, , 10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn only_a_proxy_can_say_https() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-proto", "http, HTTPS".parse().unwrap());
        assert!(proxies().says_https("10.0.0.1".parse().unwrap(), &headers));
        assert!(!proxies().says_https("192.0.2.9".parse().unwrap(), &headers));
        headers.append("x-forwarded-proto", "http".parse().unwrap());
        assert!(!proxies().says_https("10.0.0.1".parse().unwrap(), &headers));
    }
}
