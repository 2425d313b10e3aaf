//! Instagram accounts that we subscribe to webhooks, with their sealed tokens.

use std::fmt;

use serde::Serialize;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::text::bounded;

/// Name of the table and of its sealed column: part of what a token is sealed for.
pub const TABLE: &str = "instagram_subscriptions";
/// See [`TABLE`].
pub const TOKEN_COLUMN: &str = "token_sealed";

/// Longest message of Meta's that is kept, in bytes.
const MESSAGE_MAX_BYTES: usize = 1_000;

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// Meta has not answered yet.
    Pending,
    /// Meta says that it is subscribed.
    Active,
    /// The last call failed.
    Failed,
    /// The token is dead; only a new one helps.
    TokenDead,
    /// To be removed; Meta has not confirmed it yet.
    Removing,
}

impl Status {
    /// The word in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Failed => "failed",
            Self::TokenDead => "token_dead",
            Self::Removing => "removing",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One subscription, and when Meta last sent something for its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Meta's id of the account.
    pub account_id: String,
    /// Its handle, where it is known.
    pub username: Option<String>,
    /// Fields that it shall be subscribed to.
    pub fields: Vec<String>,
    /// Its token, sealed.
    pub token_sealed: Vec<u8>,
    /// Where it stands.
    pub status: Status,
    /// Why the last call failed, in one word.
    pub error_code: Option<String>,
    /// Why the last call failed.
    pub error_message: Option<String>,
    /// When Meta last confirmed it.
    pub subscribed_at: Option<OffsetDateTime>,
    /// When a check last asked Meta about it.
    pub checked_at: Option<OffsetDateTime>,
    /// When it was first asked for.
    pub created_at: OffsetDateTime,
    /// When the edge last received a webhook for the account.
    pub last_webhook_at: Option<OffsetDateTime>,
}

/// What Meta was asked for, as it was kept then.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Meta's id of the account.
    pub account_id: &'a str,
    /// The fields.
    pub fields: &'a [String],
    /// The token, sealed.
    pub token_sealed: &'a [u8],
}

/// What a call to Meta made of a subscription.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// It is subscribed.
    Confirmed,
    /// It is not, or not known to be.
    Failed {
        /// [`Status::Failed`] or [`Status::TokenDead`]; any other status stays as it is.
        status: Status,
        /// Why, in one word.
        code: &'a str,
        /// Why.
        message: &'a str,
    },
}

/// Notes that an account shall be subscribed to these fields, before Meta is asked.
///
/// # Errors
/// Those of the database.
pub async fn want(
    connection: &mut PgConnection,
    account_id: &str,
    fields: &[String],
    token_sealed: &[u8],
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "insert into instagram_subscriptions (account_id, fields, token_sealed, status, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $5)
        on conflict on constraint instagram_subscriptions_pkey do update
        set fields = excluded.fields, token_sealed = excluded.token_sealed, status = excluded.status,
            error_code = null, error_message = null, updated_at = excluded.updated_at",
        account_id,
        fields,
        token_sealed,
        Status::Pending as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The subscription of an account.
///
/// # Errors
/// Those of the database.
pub async fn find(connection: &mut PgConnection, account_id: &str) -> sqlx::Result<Option<Subscription>> {
    sqlx::query_as!(
        Subscription,
        r#"select account_id, account.username as "username?", fields, token_sealed, status as "status: Status",
            error_code, error_message, subscribed_at, checked_at, created_at,
            account.last_webhook_at as "last_webhook_at?"
        from instagram_subscriptions
        left join instagram_accounts account using (account_id)
        where account_id = $1"#,
        account_id,
    )
    .fetch_optional(connection)
    .await
}

/// Every subscription, by account.
///
/// # Errors
/// Those of the database.
pub async fn list(connection: &mut PgConnection) -> sqlx::Result<Vec<Subscription>> {
    sqlx::query_as!(
        Subscription,
        r#"select account_id, account.username as "username?", fields, token_sealed, status as "status: Status",
            error_code, error_message, subscribed_at, checked_at, created_at,
            account.last_webhook_at as "last_webhook_at?"
        from instagram_subscriptions
        left join instagram_accounts account using (account_id)
        order by account_id"#,
    )
    .fetch_all(connection)
    .await
}

/// Notes what a call to Meta made of it. What was changed since it was asked for is left alone: of other fields, or of
/// another token, the answer says nothing. Proved by `a_token_that_was_replaced_during_a_check_is_not_taken_for_dead`.
///
/// # Errors
/// Those of the database.
pub async fn settle(
    connection: &mut PgConnection,
    asked: Asked<'_>,
    outcome: Outcome<'_>,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    let (status, code, message) = match outcome {
        Outcome::Confirmed => (Status::Active, None, None),
        Outcome::Failed { status, code, message } => {
            (status, Some(code), Some(bounded(message, MESSAGE_MAX_BYTES)))
        }
    };
    sqlx::query!(
        "update instagram_subscriptions
        set status = $3, error_code = $4, error_message = $5, checked_at = $6, updated_at = $6,
            subscribed_at = case when $4::text is null then $6 else subscribed_at end
        where account_id = $1 and fields = $2 and token_sealed = $8 and status <> $7",
        asked.account_id,
        asked.fields,
        status as _,
        code,
        message.as_deref(),
        now,
        Status::Removing as _,
        asked.token_sealed,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that it shall be removed, before Meta is asked.
///
/// # Errors
/// Those of the database.
pub async fn unwant(
    connection: &mut PgConnection,
    account_id: &str,
    now: OffsetDateTime,
) -> sqlx::Result<()> {
    sqlx::query!(
        "update instagram_subscriptions set status = $2, updated_at = $3 where account_id = $1",
        account_id,
        Status::Removing as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets it, token included, if it is still to be removed. Says whether it was. Proved by
/// `an_account_that_is_wanted_again_while_it_is_removed_stays_subscribed`.
///
/// # Errors
/// Those of the database.
pub async fn remove(connection: &mut PgConnection, account_id: &str) -> sqlx::Result<bool> {
    let removed = sqlx::query!(
        "delete from instagram_subscriptions where account_id = $1 and status = $2",
        account_id,
        Status::Removing as _,
    )
    .execute(connection)
    .await?;
    Ok(removed.rows_affected() > 0)
}

/// Replaces a sealed token by the same token sealed with another key, unless it was changed meanwhile.
///
/// # Errors
/// Those of the database.
pub async fn reseal(
    connection: &mut PgConnection,
    account_id: &str,
    old: &[u8],
    new: &[u8],
) -> sqlx::Result<bool> {
    let updated = sqlx::query!(
        "update instagram_subscriptions set token_sealed = $3 where account_id = $1 and token_sealed = $2",
        account_id,
        old,
        new,
    )
    .execute(connection)
    .await?;
    Ok(updated.rows_affected() > 0)
}
