//! Which events of the ledger, as options.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::{events::StatusWord, since::Since};

/// The options of `weir events list` and `weir replay start`: what the one lists, the other publishes again.
#[derive(Debug, clap::Args)]
pub(crate) struct FilterArgs {
    /// In this status.
    #[arg(long)]
    pub(crate) status: Option<StatusWord>,
    /// Of this provider.
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Of this type, such as c2s.lead.created.
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) event_type: Option<String>,
    /// About this lead, account, snapshot or session.
    #[arg(long, value_name = "ID", visible_alias = "lead", alias = "account")]
    pub(crate) subject: Option<String>,
    /// With this reason, such as malformed.
    #[arg(long, value_name = "CODE")]
    pub(crate) reason: Option<String>,
    /// With a dead letter of this group of failures.
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) group: Option<String>,
    /// With this dedup key.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// With this text in the body, to the letter.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Received then or later: 90m, 2d, 2026-01-20, 2026-01-20T10:00:00Z.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Since>,
    /// Received before.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<Since>,
}

impl FilterArgs {
    /// The filter; an option without a value is none.
    pub(crate) fn filter<'a>(
        &'a self,
        ids: &'a [Uuid],
        now: OffsetDateTime,
    ) -> store::webhook_events::Filter<'a> {
        store::webhook_events::Filter {
            ids: Some(ids).filter(|ids| !ids.is_empty()),
            status: self.status.map(Into::into),
            provider: word(self.provider.as_ref()),
            event_type: word(self.event_type.as_ref()),
            subject: word(self.subject.as_ref()),
            reason: word(self.reason.as_ref()),
            dedup_key: word(self.key.as_ref()),
            group: word(self.group.as_ref()),
            since: self.since.map(|since| since.before(now)),
            until: self.until.map(|until| until.before(now)),
            text: word(self.text.as_ref()),
        }
    }
}

pub(super) fn word(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
