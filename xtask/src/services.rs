//! The services that `up` starts, as data: a new service is a new row.

use crate::state::Addresses;

/// One process of Weir.
#[derive(Debug)]
pub(crate) struct Service {
    /// Name of its program, its log and its line on the screen.
    pub(crate) program: &'static str,
    /// The setting that says where it listens; `/readyz` is there.
    pub(crate) listen: &'static str,
    /// Its port.
    pub(crate) port: Port,
    /// What it is told of.
    pub(crate) needs: &'static [Need],
}

/// Where a service listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// The edge's: known to its callers, chosen with `--edge-port`.
    Edge,
    /// Any free one.
    Free,
}

/// Something that a service must be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Broker,
    Database,
    C2sSecrets,
}

/// In the order of an event's way, which is the order of stopping, too: first nothing comes in any more.
pub(crate) const SERVICES: &[Service] = &[
    Service {
        program: "weir-edge",
        listen: "WEIR_EDGE__LISTEN",
        port: Port::Edge,
        needs: &[Need::Broker, Need::C2sSecrets],
    },
    Service {
        program: "weir-c2s",
        listen: "WEIR_C2S__PROBE_LISTEN",
        port: Port::Free,
        needs: &[Need::Broker, Need::Database],
    },
];

/// The variable of the secrets that the edge accepts from Contact2Sale.
pub(crate) const C2S_SECRETS: &str = "WEIR_EDGE__PROVIDERS__C2S__SECRETS";

impl Need {
    /// The setting that tells of it.
    pub(crate) fn setting(self, addresses: &Addresses) -> Option<(&'static str, String)> {
        match self {
            Self::Broker => Some(("WEIR_NATS__URLS", addresses.nats_url.clone())),
            Self::Database => Some(("WEIR_POSTGRES__URL", addresses.database_url.clone())),
            Self::C2sSecrets => addresses.c2s_secrets.clone().map(|secrets| (C2S_SECRETS, secrets)),
        }
    }
}
