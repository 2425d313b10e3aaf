//! Outbound webhooks: where events are sent on, with their sealed URLs and secrets.

mod change;
mod read;

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

pub use change::{disable, enable, insert, opened, remove, reseal, rotate, seed, update, validated};
pub use read::{all, find, lock_all, taking_events};

/// Name of the table: part of what URLs and secrets are sealed for.
pub const TABLE: &str = "hooks";
/// See [`TABLE`].
pub const URL_COLUMN: &str = "url_sealed";
/// See [`TABLE`]. A secret that was rotated out keeps the place that it was sealed for.
pub const SECRET_COLUMN: &str = "secret_sealed";

/// What is behind a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    /// A Catch Hook of Zapier's, whose limits hold.
    Zapier,
    /// Any other.
    Webhook,
}

impl Kind {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Zapier => "zapier",
            Self::Webhook => "webhook",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why nothing is sent to a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Disabled {
    /// A person said so.
    Operator,
    /// The settings say so.
    Settings,
    /// It answered 410: it is retired.
    Gone,
    /// Its URL or secret does not open where a process tried. What comes for it waits meanwhile.
    Unreadable,
}

impl Disabled {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Settings => "settings",
            Self::Gone => "gone",
            Self::Unreadable => "unreadable",
        }
    }
}

impl fmt::Display for Disabled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a hook is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manner {
    /// Event types that it wants; a `*` stands for anything.
    pub event_filter: Vec<String>,
    /// Shape of what is sent.
    pub body_form: String,
    /// Header of the older signature.
    pub signature_header: String,
    /// Algorithm of the older signature.
    pub signature_algorithm: String,
    /// Events per window.
    pub rate_count: i32,
    /// The window.
    pub rate_window_ms: i64,
    /// Of these so many at once.
    pub rate_burst: i32,
    /// Attempts at one event.
    pub attempts_max: i32,
    /// How long one attempt may take.
    pub timeout_ms: i64,
    /// First wait before another attempt.
    pub retry_base_ms: i64,
    /// Longest such wait.
    pub retry_max_ms: i64,
}

/// One hook. Prints nothing that would let anybody send there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// What is behind it.
    pub kind: Kind,
    /// Where it is, sealed.
    pub url_sealed: Vec<u8>,
    /// What may be shown of where it is.
    pub host: String,
    /// Its secret, sealed.
    pub secret_sealed: Option<Vec<u8>>,
    /// The secret before, sealed, while it still signs too.
    pub older_secret_sealed: Option<Vec<u8>>,
    /// Until when.
    pub older_secret_until: Option<OffsetDateTime>,
    /// How it is called.
    pub manner: Manner,
    /// Why nothing is sent there; none: it is enabled.
    pub disabled: Option<Disabled>,
    /// Since when.
    pub disabled_at: Option<OffsetDateTime>,
    /// When a test last got an answer from it.
    pub validated_at: Option<OffsetDateTime>,
    /// Whether the settings made it.
    pub is_seeded: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

impl Hook {
    /// Whether events are for it. One that cannot be opened gets its own: it goes on as soon as a process has its key.
    pub fn takes_events(&self) -> bool {
        matches!(self.disabled, None | Some(Disabled::Unreadable))
    }
}

/// A hook to be made.
#[derive(Debug, Clone)]
pub struct NewHook<'a> {
    /// Its id, which its URL and secret are sealed for.
    pub id: Uuid,
    /// Its name.
    pub name: &'a str,
    /// What is behind it.
    pub kind: Kind,
    /// Where it is, sealed.
    pub url_sealed: &'a [u8],
    /// What may be shown of where it is.
    pub host: &'a str,
    /// Its secret, sealed.
    pub secret_sealed: Option<&'a [u8]>,
    /// How it is called.
    pub manner: &'a Manner,
    /// Why nothing shall be sent there; none: it is enabled.
    pub disabled: Option<Disabled>,
    /// Digest of the settings that it is made of.
    pub seed: Option<&'a [u8]>,
}
