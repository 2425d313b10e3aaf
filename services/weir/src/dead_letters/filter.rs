//! Which dead letters a verb is about.

use store::dead_letters::{Filter, Status};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{replay::word, since::Since};

#[derive(Debug, clap::Args)]
pub(super) struct FilterArgs {
    /// Of this provider.
    #[arg(long, value_parser = word)]
    provider: Option<String>,
    /// Given up by this consumer.
    #[arg(long, value_name = "NAME", value_parser = word)]
    consumer: Option<String>,
    /// Of this type, such as c2s.lead.created.
    #[arg(long = "type", value_name = "TYPE", value_parser = word)]
    event_type: Option<String>,
    /// In this status.
    #[arg(long)]
    status: Option<StatusWord>,
    /// With this reason, such as timeout.
    #[arg(long, value_name = "CODE", value_parser = word)]
    reason: Option<String>,
    /// Of this group of failures, as `weir dead-letters groups` shows it.
    #[arg(long, value_name = "FINGERPRINT", value_parser = word)]
    group: Option<String>,
    /// About this lead, account, snapshot or session.
    #[arg(long, value_name = "ID", visible_alias = "lead", value_parser = word)]
    subject: Option<String>,
    /// With this dedup key.
    #[arg(long, value_name = "KEY", value_parser = word)]
    key: Option<String>,
    /// With this text in the body or in the error, to the letter.
    #[arg(long, value_parser = word)]
    text: Option<String>,
    /// Failed last then or later: 90m, 2d, 2026-01-20, 2026-01-20T10:00:00Z.
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Failed last before.
    #[arg(long, value_name = "WHEN")]
    until: Option<Since>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum StatusWord {
    Dead,
    Replayed,
    Discarded,
}

impl From<StatusWord> for Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Dead => Self::Dead,
            StatusWord::Replayed => Self::Replayed,
            StatusWord::Discarded => Self::Discarded,
        }
    }
}

impl FilterArgs {
    /// The filter; `ids`, when there are some, as well.
    pub(super) fn filter<'a>(&'a self, ids: &'a [Uuid], now: OffsetDateTime) -> Filter<'a> {
        Filter {
            ids: Some(ids).filter(|ids| !ids.is_empty()),
            provider: self.provider.as_deref(),
            consumer: self.consumer.as_deref(),
            event_type: self.event_type.as_deref(),
            status: self.status.map(Status::from),
            reason: self.reason.as_deref(),
            fingerprint: self.group.as_deref(),
            dedup_key: self.key.as_deref(),
            subject: self.subject.as_deref(),
            since: self.since.map(|since| since.before(now)),
            until: self.until.map(|until| until.before(now)),
            text: self.text.as_deref(),
        }
    }
}
