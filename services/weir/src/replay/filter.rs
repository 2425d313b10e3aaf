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
    #[arg(long, value_parser = word)]
    pub(crate) provider: Option<String>,
    /// Of this type, such as c2s.lead.created.
    #[arg(long = "type", value_name = "TYPE", value_parser = word)]
    pub(crate) event_type: Option<String>,
    /// About this lead, account, snapshot or session.
    #[arg(long, value_name = "ID", visible_alias = "lead", alias = "account", value_parser = word)]
    pub(crate) subject: Option<String>,
    /// With this reason, such as malformed.
    #[arg(long, value_name = "CODE", value_parser = word)]
    pub(crate) reason: Option<String>,
    /// With a dead letter of this group of failures.
    #[arg(long, value_name = "FINGERPRINT", value_parser = word)]
    pub(crate) group: Option<String>,
    /// With this dedup key.
    #[arg(long, value_name = "KEY", value_parser = word)]
    pub(crate) key: Option<String>,
    /// With this text in the body, to the letter.
    #[arg(long, value_parser = word)]
    pub(crate) text: Option<String>,
    /// Received then or later: 90m, 2d, 2026-01-20, 2026-01-20T10:00:00Z.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<Since>,
    /// Received before.
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<Since>,
}

impl FilterArgs {
    /// The filter.
    pub(crate) fn filter<'a>(
        &'a self,
        ids: &'a [Uuid],
        now: OffsetDateTime,
    ) -> store::webhook_events::Filter<'a> {
        store::webhook_events::Filter {
            ids: Some(ids).filter(|ids| !ids.is_empty()),
            status: self.status.map(Into::into),
            provider: self.provider.as_deref(),
            event_type: self.event_type.as_deref(),
            subject: self.subject.as_deref(),
            reason: self.reason.as_deref(),
            dedup_key: self.key.as_deref(),
            group: self.group.as_deref(),
            since: self.since.map(|since| since.before(now)),
            until: self.until.map(|until| until.before(now)),
            text: self.text.as_deref(),
        }
    }
}

/// A word to filter by. An empty one is what a script forgot to fill in: it must not mean "all".
pub(crate) fn word(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("it is empty") } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_a_script_forgot_to_fill_in_is_refused() {
        assert_eq!(word("timeout").as_deref(), Ok("timeout"));
        for empty in ["", " "] {
            assert!(word(empty).is_err());
        }
    }
}
