//! Which process reads the settings.

use std::{fmt, str::FromStr};

/// Which process reads the settings: it decides what is required, and what an old name with two meanings means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// `weir-edge`.
    Edge,
    /// `weir-c2s`.
    C2s,
    /// `weir-instagram`.
    Instagram,
    /// `weir-brightdata`.
    BrightData,
    /// `weir-zapier`.
    Zapier,
    /// `weir-dead-letters`.
    DeadLetters,
    /// `weir`, the operator's command: nothing is required until a verb needs it.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Edge,
        Self::C2s,
        Self::Instagram,
        Self::BrightData,
        Self::Zapier,
        Self::DeadLetters,
        Self::Operator,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::C2s => "c2s",
            Self::Instagram => "instagram",
            Self::BrightData => "brightdata",
            Self::Zapier => "zapier",
            Self::DeadLetters => "dead-letters",
            Self::Operator => "operator",
        }
    }

    /// Whether the process cannot work without a database.
    pub(crate) const fn stores(self) -> bool {
        match self {
            Self::C2s | Self::Instagram | Self::BrightData | Self::Zapier | Self::DeadLetters => true,
            Self::Edge | Self::Operator => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == word)
            .ok_or_else(|| format!("expected one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}
