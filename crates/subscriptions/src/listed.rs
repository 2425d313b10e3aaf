//! A subscription as it may be shown.

use serde::Serialize;
use store::instagram_subscriptions::{Status, Subscription};
use time::OffsetDateTime;

/// A subscription without its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Meta's id of the account.
    pub account_id: String,
    /// Its handle, where it is known.
    pub username: Option<String>,
    /// Fields that it shall be subscribed to.
    pub fields: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// Why the last call failed, in one word.
    pub error_code: Option<String>,
    /// Why the last call failed.
    pub error_message: Option<String>,
    /// When Meta last confirmed it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub subscribed_at: Option<OffsetDateTime>,
    /// When a check last asked Meta about it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub checked_at: Option<OffsetDateTime>,
    /// When the edge last received a webhook for the account.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_webhook_at: Option<OffsetDateTime>,
    /// Id of the key that its token is sealed with.
    pub key_id: Option<String>,
}

impl From<Subscription> for Listed {
    fn from(kept: Subscription) -> Self {
        Self {
            key_id: seal::key_id(&kept.token_sealed).map(str::to_owned),
            account_id: kept.account_id,
            username: kept.username,
            fields: kept.fields,
            status: kept.status,
            error_code: kept.error_code,
            error_message: kept.error_message,
            subscribed_at: kept.subscribed_at,
            checked_at: kept.checked_at,
            last_webhook_at: kept.last_webhook_at,
        }
    }
}
