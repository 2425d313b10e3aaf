//! The services that `up` starts, as data: a new service is a new row.

/// One process of Weir.
#[derive(Debug)]
pub(crate) struct Service {
    /// Name of its program, its log and its line on the screen.
    pub(crate) program: &'static str,
    /// The setting that says where it listens; `/readyz` is there.
    pub(crate) listen: &'static str,
    /// Its port.
    pub(crate) port: Port,
    /// What it is told: settings whose names begin so. The edge hears of no database and of no outside system's secrets.
    pub(crate) told: &'static [&'static str],
}

/// Where a service listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    /// The edge's: known to its callers, chosen with `--edge-port`.
    Edge,
    /// Any free one.
    Free,
}

const BROKER: &str = "WEIR_NATS__";
const DATABASE: &str = "WEIR_POSTGRES__";
const OUTBOUND: &str = "WEIR_OUTBOUND__";
const SEAL: &str = "WEIR_SEAL__";

/// In the order of an event's way, which is the order of stopping, too: first nothing comes in any more.
pub(crate) const SERVICES: &[Service] = &[
    Service {
        program: "weir-edge",
        listen: "WEIR_EDGE__LISTEN",
        port: Port::Edge,
        told: &[BROKER, "WEIR_EDGE__PROVIDERS__"],
    },
    Service {
        program: "weir-c2s",
        listen: "WEIR_C2S__PROBE_LISTEN",
        port: Port::Free,
        told: &[BROKER, DATABASE, OUTBOUND, SEAL, "WEIR_C2S__", "WEIR_PEOPLE__"],
    },
    Service {
        program: "weir-instagram",
        listen: "WEIR_INSTAGRAM__PROBE_LISTEN",
        port: Port::Free,
        told: &[BROKER, DATABASE],
    },
    Service {
        program: "weir-brightdata",
        listen: "WEIR_BRIGHTDATA__PROBE_LISTEN",
        port: Port::Free,
        told: &[BROKER, DATABASE],
    },
    Service {
        program: "weir-zapier",
        listen: "WEIR_ZAPIER__PROBE_LISTEN",
        port: Port::Free,
        told: &[BROKER, DATABASE, OUTBOUND, SEAL, "WEIR_ZAPIER__"],
    },
    Service {
        program: "weir-dead-letters",
        listen: "WEIR_DEAD_LETTERS__PROBE_LISTEN",
        port: Port::Free,
        told: &[BROKER, DATABASE],
    },
];

impl Service {
    /// Whether this is one of the settings that it is told.
    pub(crate) fn is_told(&self, setting: &str) -> bool {
        self.told.iter().any(|prefix| setting.starts_with(prefix))
    }
}
