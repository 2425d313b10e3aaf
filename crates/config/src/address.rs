//! A client address or a network of them, as allow-lists and proxies are written.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An address (`1.2.3.4`) or a network (`1.2.3.0/24`), of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpAddrOrNet(pub IpNet);

/// The text is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as 192.0.2.7 or a network such as 192.0.2.0/24")]
pub struct NotAnAddress;

impl IpAddrOrNet {
    /// Whether `address` is this address or in this network. An IPv4 address that came through an IPv6 socket
    /// (`::ffff:192.0.2.7`) is the IPv4 address. Proved by `a_mapped_address_is_its_ipv4_address`.
    pub fn contains(&self, address: &IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for IpAddrOrNet {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => canonical(text.parse().map_err(|_| NotAnAddress)?),
        };
        Ok(Self(net))
    }
}

/// A network of mapped addresses (`::ffff:192.0.2.0/120`) as the IPv4 network that it is.
fn canonical(net: IpNet) -> IpNet {
    const MAPPED_PREFIX: u8 = 96;
    let mapped = || {
        let IpAddr::V6(address) = net.addr() else { return None };
        let prefix = net.prefix_len().checked_sub(MAPPED_PREFIX)?;
        IpNet::new(address.to_ipv4_mapped()?.into(), prefix).ok()
    };
    mapped().unwrap_or(net)
}

impl From<IpNet> for IpAddrOrNet {
    fn from(net: IpNet) -> Self {
        Self(net)
    }
}

impl fmt::Display for IpAddrOrNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() { self.0.addr().fmt(f) } else { self.0.fmt(f) }
    }
}

impl Serialize for IpAddrOrNet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IpAddrOrNet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| serde::de::Error::custom(format!("`{text}`: {error}")))
    }
}

impl schemars::JsonSchema for IpAddrOrNet {
    fn schema_name() -> Cow<'static, str> {
        "IpAddrOrNet".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An address (192.0.2.7) or a network (192.0.2.0/24).",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(list: &str, address: &str) -> bool {
        list.parse::<IpAddrOrNet>().unwrap().contains(&address.parse().unwrap())
    }

    #[test]
    fn an_address_is_itself_and_a_network_is_all_of_its_own() {
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7", "192.0.2.8"));
        assert!(contains("5.6.7.8/24", "5.6.7.200"), "host bits do not matter");
        assert!(contains("2001:db8::/32", "2001:db8:1::1"));
        assert!(!contains("2001:db8::/32", "192.0.2.7"));
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_address() {
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.7"));
        assert!(contains("::ffff:192.0.2.7", "192.0.2.7"));
        assert!(
            contains("::ffff:192.0.2.0/120", "192.0.2.7") && !contains("::ffff:192.0.2.0/120", "192.0.3.7")
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "localhost", "192.0.2.300", "192.0.2.0/33", "192.0.2.7:80", "*"] {
            assert_eq!(text.parse::<IpAddrOrNet>(), Err(NotAnAddress), "{text}");
        }
    }
}
